-- Grain: one row per plan and registered arm: the sufficient statistics of its decision, counted over people, each
-- within the plan's window of hours after their own message left, so that an earlier slot gets no longer a look than a
-- later one. $is_rollout asks for the roll-out's messages instead of the test's.
-- The margin of a message is the revenue it is credited with, less its own cost and the arm's cost of the offer.
with arm as (
    select
        unnest($plans::varchar[]) as plan_id,
        unnest($arms::varchar[]) as variant,
        unnest($costs::double[]) as offer_cost_cny,
        unnest($planned::bigint[]) as planned,
        unnest($windows::double[]) as window_hours
),

counted as (
    select
        fact.*,
        arm.window_hours,
        coalesce(fact.cost_cny, 0)::double + arm.offer_cost_cny as spent_cny
    from message_fact fact
    inner join arm on arm.plan_id = fact.plan_id and arm.variant = fact.variant
    where (fact.wave = 'rollout') = $is_rollout
),

-- All messages without their people: what is the same for everybody is added up in one scan …
message as (
    select
        plan_id,
        variant,
        count(*) as assigned,
        count(*) filter (is_accepted) as sent,
        count(*) filter (is_accepted and is_delivered) as delivered,
        bool_or(is_clicked is not null) as is_click_measured,
        count(*) filter (is_accepted and state = 'failed') as undelivered,
        -- after 72 hours without a receipt none is expected any more
        count(*) filter (
            is_accepted and state = 'accepted' and sent_at > $now::timestamptz - interval 72 hour
        ) as receipts_missing,
        sum(spent_cny) filter (is_accepted) as spent_cny,
        sum(spent_cny * spent_cny) filter (is_accepted) as spent_squares
    from counted
    group by plan_id, variant
),

-- … and only those who did something are looked at one by one.
person as (
    select
        counted.plan_id,
        counted.token,
        any_value(counted.variant) as variant,
        any_value(counted.spent_cny) as spent_cny,
        bool_or(event.source = 'click') as is_clicked,
        bool_or(event.source = 'order') as is_converted,
        bool_or(event.kind = 'opt_out') as is_opted_out,
        bool_or(event.kind = 'complaint') as is_complained,
        coalesce(sum(event.amount_cny) filter (event.source = 'order'), 0)::double as revenue_cny
    from (
        select * from touchpoint where source <> 'message' and plan_id in (select plan_id from arm)
    ) as event
    inner join counted on counted.plan_id = event.plan_id and counted.token = event.token
    where counted.is_accepted
        and event.happened_at >= counted.sent_at
        and event.happened_at < counted.sent_at + to_seconds(counted.window_hours * 3600)
    group by counted.plan_id, counted.token
),

effect as (
    select
        plan_id,
        variant,
        count(*) filter (is_clicked) as clicked,
        count(*) filter (is_converted) as converted,
        count(*) filter (is_opted_out) as opted_out,
        count(*) filter (is_complained) as complained,
        sum(revenue_cny) as revenue_cny,
        -- (revenue - spent)² without the spent², which the scan of all messages has
        sum(revenue_cny * revenue_cny - 2 * revenue_cny * spent_cny) as margin_squares
    from person
    group by plan_id, variant
),

-- A campaign that is sent again within the window may give somebody another arm.
repeated as (
    select campaign_id from message_fact where variant is not null
    group by campaign_id
    having min(plan_id) <> max(plan_id)
),

crossed as (
    select counted.plan_id, counted.variant, count(distinct counted.token) as people
    from (select * from counted where is_accepted and campaign_id in (from repeated)) as counted
    inner join (select * from message_fact where is_accepted and campaign_id in (from repeated)) as other
        on other.campaign_id = counted.campaign_id and other.token = counted.token
    where other.plan_id <> counted.plan_id
        and other.variant <> counted.variant
        and abs(epoch(other.sent_at) - epoch(counted.sent_at)) < counted.window_hours * 3600
    group by counted.plan_id, counted.variant
),

final as (
    select
        arm.plan_id,
        arm.variant as arm,
        arm.planned,
        coalesce(message.assigned, 0) as assigned,
        coalesce(message.sent, 0) as sent,
        coalesce(message.delivered, 0) as delivered,
        case when message.is_click_measured then coalesce(effect.clicked, 0) end as clicked,
        coalesce(effect.converted, 0) as converted,
        coalesce(effect.opted_out, 0) as opted_out,
        coalesce(effect.complained, 0) as complained,
        coalesce(message.undelivered, 0) as undelivered,
        coalesce(crossed.people, 0) as cross_exposed,
        coalesce(message.receipts_missing, 0) as receipts_missing,
        (coalesce(effect.revenue_cny, 0) - message.spent_cny)::decimal(18, 4) as margin_sum,
        (coalesce(effect.margin_squares, 0) + message.spent_squares)::decimal(24, 4) as margin_sum_squares
    from arm
    left join message on message.plan_id = arm.plan_id and message.variant = arm.variant
    left join effect on effect.plan_id = arm.plan_id and effect.variant = arm.variant
    left join crossed on crossed.plan_id = arm.plan_id and crossed.variant = arm.variant
)

select * from final order by plan_id, arm
