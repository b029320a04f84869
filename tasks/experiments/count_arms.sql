-- Grain: one row per plan and registered arm: the sufficient statistics of its decision, counted over people, each
-- within $window_s seconds after their own message left, so that an earlier slot gets no longer a look than a later one.
-- $is_rollout asks for the roll-out's messages instead of the test's.
-- The margin of a message is the revenue it is credited with, less its own cost and the arm's cost of the offer.
with arm as (
    select
        unnest($plans::varchar[]) as plan_id,
        unnest($arms::varchar[]) as variant,
        unnest($costs::double[]) as offer_cost_cny,
        unnest($planned::bigint[]) as planned
),

-- The one pass over all messages, without a join: a handful of rows per arm, for messages of one state cost one price.
-- One cheap filter and few distinct keys: a second filter or a semi join costs as much as the counting.
grouped as (
    select
        plan_id,
        variant,
        wave,
        state,
        is_accepted,
        cost_cny,
        count(*) as messages,
        count(is_clicked) as clicks_measured,
        count(*) filter (clicked_after_s < $window_s) as clicked,
        count(*) filter (ordered_after_s < $window_s) as converted,
        count(*) filter (opted_out_after_s < $window_s) as opted_out,
        count(*) filter (complained_after_s < $window_s) as complained
    from message_fact
    where list_contains($plans::varchar[], plan_id)
    group by all
),

message as (
    select
        plan_id,
        variant,
        sum(messages) as assigned,
        sum(messages) filter (is_accepted) as sent,
        sum(messages) filter (state = 'delivered') as delivered,
        sum(messages) filter (state = 'failed') as undelivered,
        sum(clicks_measured) > 0 as is_click_measured,
        sum(clicked) filter (is_accepted) as clicked,
        sum(converted) filter (is_accepted) as converted,
        sum(opted_out) filter (is_accepted) as opted_out,
        sum(complained) filter (is_accepted) as complained,
        sum(messages * coalesce(cost_cny, 0)::double) filter (is_accepted) as cost_cny,
        sum(messages * coalesce(cost_cny, 0)::double ^ 2) filter (is_accepted) as cost_squares
    from grouped
    where (wave = 'rollout') = $is_rollout
    group by plan_id, variant
),

-- Only what was sent in the last 72 hours still waits for a receipt: nothing of it is left when a test is decided.
waiting as (
    select plan_id, variant, count(*) as messages
    from message_fact
    where state = 'accepted'
        and sent_at > $receipts_since::timestamptz
        and list_contains($plans::varchar[], plan_id)
        and (wave = 'rollout') = $is_rollout
    group by plan_id, variant
),

-- The buyers alone are looked at for their money; of the few who bought within the window and after it too, only the
-- orders within count.
bought as (
    select plan_id, variant, coalesce(cost_cny, 0)::double as cost_cny, revenue_cny::double as revenue_cny
    from message_fact
    where last_ordered_after_s < $window_s
        and is_accepted
        and list_contains($plans::varchar[], plan_id)
        and (wave = 'rollout') = $is_rollout
    union all
    select
        buyer.plan_id,
        any_value(buyer.variant),
        any_value(coalesce(buyer.cost_cny, 0))::double,
        sum(event.amount_cny)::double
    from message_fact as buyer
    inner join contact_event as event using (plan_id, token)
    where buyer.ordered_after_s < $window_s
        and buyer.last_ordered_after_s >= $window_s
        and buyer.is_accepted
        and list_contains($plans::varchar[], buyer.plan_id)
        and (buyer.wave = 'rollout') = $is_rollout
        and event.source = 'order'
        and epoch_us(event.happened_at) < epoch_us(buyer.sent_at) + $window_s::bigint * 1000000
    group by buyer.plan_id, buyer.token
),

revenue as (
    select
        plan_id,
        variant,
        sum(revenue_cny) as revenue_cny,
        sum(revenue_cny * revenue_cny) as revenue_squares,
        sum(revenue_cny * cost_cny) as revenue_by_cost
    from bought
    group by plan_id, variant
),

-- A campaign that is sent again within the window may give somebody another arm.
repeated as (
    select campaign_id
    from (select distinct campaign_id, plan_id from message_fact where variant is not null)
    group by campaign_id
    having count(*) > 1
),

counted as (
    select plan_id, variant, campaign_id, token, sent_at
    from message_fact
    where is_accepted
        and campaign_id in (from repeated)
        and list_contains($plans::varchar[], plan_id)
        and (wave = 'rollout') = $is_rollout
),

crossed as (
    select counted.plan_id, counted.variant, count(distinct counted.token) as people
    from counted
    inner join (select * from message_fact where is_accepted and campaign_id in (from repeated)) as other
        on other.campaign_id = counted.campaign_id and other.token = counted.token
    where other.plan_id <> counted.plan_id
        and other.variant <> counted.variant
        and abs(epoch_us(other.sent_at) - epoch_us(counted.sent_at)) < $window_s::bigint * 1000000
    group by counted.plan_id, counted.variant
),

final as (
    select
        arm.plan_id,
        arm.variant as arm,
        arm.planned,
        coalesce(message.assigned, 0)::bigint as assigned,
        coalesce(message.sent, 0)::bigint as sent,
        coalesce(message.delivered, 0)::bigint as delivered,
        case when message.is_click_measured then coalesce(message.clicked, 0)::bigint end as clicked,
        coalesce(message.converted, 0)::bigint as converted,
        coalesce(message.opted_out, 0)::bigint as opted_out,
        coalesce(message.complained, 0)::bigint as complained,
        coalesce(message.undelivered, 0)::bigint as undelivered,
        coalesce(crossed.people, 0) as cross_exposed,
        coalesce(waiting.messages, 0) as receipts_missing,
        -- sums over messages of revenue - (cost + offer), and of its square
        (coalesce(revenue.revenue_cny, 0) - message.cost_cny - message.sent * arm.offer_cost_cny)::decimal(18, 4)
            as margin_sum,
        (
            coalesce(
                revenue.revenue_squares - 2 * (revenue.revenue_by_cost + arm.offer_cost_cny * revenue.revenue_cny), 0
            )
            + message.cost_squares
            + 2 * arm.offer_cost_cny * message.cost_cny
            + message.sent * arm.offer_cost_cny * arm.offer_cost_cny
        )::decimal(24, 4) as margin_sum_squares
    from arm
    left join message using (plan_id, variant)
    left join revenue using (plan_id, variant)
    left join waiting using (plan_id, variant)
    left join crossed using (plan_id, variant)
)

select * from final order by plan_id, arm
