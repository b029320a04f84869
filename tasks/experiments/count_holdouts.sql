-- Grain: one row per plan that was decided and kept a holdout: people with an order between its first message and the end
-- of the attribution after its last one, among those meant to get a message and among those held out. Both by
-- assignment: whoever was meant to get a message counts as treated, whether it arrived or not.
with span as (
    select
        plan.plan_id,
        plan.attribution_days,
        min(plan.first_sent_at) as from_at,
        make_timestamptz(epoch_us(max(plan.last_sent_at)) + any_value(plan.attribution_days) * 86400000000) as to_at
    from plan_in_force as plan
    where plan.is_orders_known and plan.plan_id in (select plan_id from experiment_decision)
    group by plan.plan_id, plan.attribution_days
),

person as (
    select plan_id, token, false as is_held from plan_message where variant is not null and plan_id in (select plan_id from span)
    union all
    select plan_id, token, true from plan_exclusion where reason = 'holdout' and plan_id in (select plan_id from span)
),

bought as (
    select distinct span.plan_id, purchase.token
    from order_clean as purchase
    inner join span on purchase.paid_at >= span.from_at and purchase.paid_at < span.to_at
),

final as (
    select
        person.plan_id,
        count(*) filter (not is_held) as treated,
        count(bought.token) filter (not is_held) as treated_events,
        count(*) filter (is_held) as holdout,
        count(bought.token) filter (is_held) as holdout_events,
        any_value(span.to_at) <= $now::timestamptz as is_final
    from person
    inner join span using (plan_id)
    left join bought using (plan_id, token)
    group by person.plan_id
)

select * from final
