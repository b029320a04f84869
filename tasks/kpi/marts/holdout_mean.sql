-- temporary: one row per plan that kept a holdout: what one person of it bought while the others could be influenced
with held as (
    select plan_exclusion.plan_id, plan_exclusion.token
    from plan_exclusion
    inner join plan_in_force using (plan_id)
    where plan_exclusion.reason = 'holdout' and plan_in_force.is_orders_known
),

bought as (
    select held.plan_id, sum(purchase.amount) as revenue_cny
    from held
    inner join plan_in_force as plan using (plan_id)
    inner join order_clean as purchase using (token)
    where purchase.paid_at >= plan.first_sent_at
        and purchase.paid_at < days_after(plan.last_sent_at, plan.attribution_days)
    group by held.plan_id
),

final as (
    select
        plan_id,
        count(*) as people,
        coalesce(any_value(bought.revenue_cny), 0)::double / count(*) as revenue_per_person_cny
    from held
    left join bought using (plan_id)
    group by plan_id
)

select * from final
