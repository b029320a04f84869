-- kept: one row per plan and channel that some of it left through at another price or billing mode than the plan's own:
-- by routing, or because that channel stood in. What was mirrored before prices were has none, and costs what its plan says.
with priced as (
    select
        plan.plan_no,
        plan.plan_id,
        batch.channel,
        -- all of a plan's releases were made of the same records
        coalesce(max(batch.billing), any_value(plan.billing)) as billing,
        coalesce(max(batch.price_cny), any_value(plan.price_cny))::decimal(8, 4) as price_cny,
        any_value(plan.billing) as plan_billing,
        any_value(plan.price_cny) as plan_price_cny
    from batch_state as batch
    inner join plan_in_force as plan using (plan_id)
    group by plan.plan_no, plan.plan_id, batch.channel
),

final as (
    select plan_no, plan_id, channel, billing, price_cny
    from priced
    where billing <> plan_billing or price_cny <> plan_price_cny
)

select * from final
