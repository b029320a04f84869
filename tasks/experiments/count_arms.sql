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
    select fact.*, arm.offer_cost_cny, arm.window_hours
    from message_fact fact
    inner join arm on arm.plan_id = fact.plan_id and arm.variant = fact.variant
    where (fact.wave = 'rollout') = $is_rollout
),

-- A campaign that is sent again within the window may give somebody another arm.
repeated as (
    select campaign_id
    from (select distinct campaign_id, plan_id from message_fact where variant is not null)
    group by campaign_id
    having count(*) > 1
),

crossed as (
    select distinct counted.plan_id, counted.token
    from (select * from counted where campaign_id in (from repeated)) as counted
    inner join (select * from message_fact where campaign_id in (from repeated)) as other
        on other.campaign_id = counted.campaign_id and other.token = counted.token
    where other.is_accepted
        and other.plan_id <> counted.plan_id
        and other.variant <> counted.variant
        and abs(epoch(other.sent_at) - epoch(counted.sent_at)) < counted.window_hours * 3600
),

effect as (
    select
        counted.plan_id,
        counted.token,
        bool_or(event.source = 'click') as is_clicked,
        bool_or(event.source = 'order') as is_converted,
        bool_or(event.kind = 'opt_out') as is_opted_out,
        bool_or(event.kind = 'complaint') as is_complained,
        sum(event.amount_cny) filter (event.source = 'order') as revenue_cny
    from counted
    inner join touchpoint event on event.plan_id = counted.plan_id and event.token = counted.token
    where event.source <> 'message'
        and event.happened_at >= counted.sent_at
        and event.happened_at < counted.sent_at + to_seconds(counted.window_hours * 3600)
    group by counted.plan_id, counted.token
),

message as (
    select
        counted.*,
        coalesce(effect.is_clicked, false) as has_clicked,
        coalesce(effect.is_converted, false) as has_converted,
        coalesce(effect.is_opted_out, false) as has_opted_out,
        coalesce(effect.is_complained, false) as has_complained,
        coalesce(effect.revenue_cny, 0) - coalesce(counted.cost_cny, 0) - counted.offer_cost_cny as margin_cny
    from counted
    left join effect on effect.plan_id = counted.plan_id and effect.token = counted.token
),

final as (
    select
        arm.plan_id,
        arm.variant as arm,
        any_value(arm.planned) as planned,
        count(message.token) as assigned,
        count(*) filter (message.is_accepted) as sent,
        count(*) filter (message.is_accepted and message.is_delivered) as delivered,
        case when bool_or(message.is_clicked is not null)
            then count(*) filter (message.is_accepted and message.has_clicked)
        end as clicked,
        count(*) filter (message.is_accepted and message.has_converted) as converted,
        count(*) filter (message.is_accepted and message.has_opted_out) as opted_out,
        count(*) filter (message.is_accepted and message.has_complained) as complained,
        count(*) filter (message.is_accepted and message.state = 'failed') as undelivered,
        count(*) filter (
            message.is_accepted and message.token in (select token from crossed where crossed.plan_id = arm.plan_id)
        ) as cross_exposed,
        -- after 72 hours without a receipt none is expected any more
        count(*) filter (
            message.is_accepted and message.state = 'accepted' and message.sent_at > $now::timestamptz - interval 72 hour
        ) as receipts_missing,
        sum(message.margin_cny) filter (message.is_accepted)::decimal(18, 4) as margin_sum,
        sum(message.margin_cny * message.margin_cny) filter (message.is_accepted)::decimal(24, 4) as margin_sum_squares
    from arm
    left join message on message.plan_id = arm.plan_id and message.variant = arm.variant
    group by arm.plan_id, arm.variant
)

select * from final order by plan_id, arm
