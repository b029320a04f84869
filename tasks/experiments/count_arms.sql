-- Grain: one row per registered arm: the sufficient statistics of its decision, counted over people, each within
-- $window_hours after their own message left, so that an earlier slot gets no longer a look than a later one.
-- The margin of a message is the revenue it is credited with, less its own cost and the arm's cost of the offer.
with arm as (
    select unnest($arms) as variant, unnest($costs) as offer_cost_cny, unnest($planned) as planned
),

crossed as (
    select token from message_fact where plan_id = $plan and is_accepted
    group by token having count(distinct variant) > 1
),

effect as (
    select
        fact.token,
        bool_or(event.source = 'click') as is_clicked,
        bool_or(event.source = 'order') as is_converted,
        bool_or(event.kind = 'opt_out') as is_opted_out,
        bool_or(event.kind = 'complaint') as is_complained,
        sum(event.amount_cny) filter (event.source = 'order') as revenue_cny
    from message_fact fact
    inner join touchpoint event on event.plan_id = fact.plan_id and event.token = fact.token
    where fact.plan_id = $plan
        and event.source <> 'message'
        and event.happened_at >= fact.sent_at
        and event.happened_at < fact.sent_at + to_seconds($window_hours * 3600)
    group by fact.token
),

message as (
    select
        fact.*,
        coalesce(effect.is_clicked, false) as has_clicked,
        coalesce(effect.is_converted, false) as has_converted,
        coalesce(effect.is_opted_out, false) as has_opted_out,
        coalesce(effect.is_complained, false) as has_complained,
        coalesce(effect.revenue_cny, 0) - coalesce(fact.cost_cny, 0) - arm.offer_cost_cny as margin_cny
    from message_fact fact
    inner join arm on arm.variant = fact.variant
    left join effect on effect.token = fact.token
    where fact.plan_id = $plan and fact.wave <> 'rollout'
),

final as (
    select
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
        count(*) filter (message.is_accepted and message.token in (select token from crossed)) as cross_exposed,
        -- after 72 hours without a receipt none is expected any more
        count(*) filter (
            message.is_accepted and message.state = 'accepted' and message.sent_at > $now::timestamptz - interval 72 hour
        ) as receipts_missing,
        sum(message.margin_cny) filter (message.is_accepted)::decimal(18, 4) as margin_sum,
        sum(message.margin_cny * message.margin_cny) filter (message.is_accepted)::decimal(24, 4) as margin_sum_squares
    from arm
    left join message on message.variant = arm.variant
    group by arm.variant
)

select * from final order by arm
