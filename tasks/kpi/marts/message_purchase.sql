-- temporary: one row per planned message of a person who ever bought: what was bought around it, attributed or not
with bought as (
    select
        message.plan_id,
        message.token,
        sum(purchase.amount) filter (
            purchase.paid_at >= plan.first_sent_at
            and purchase.paid_at < days_after(plan.last_sent_at, plan.attribution_days)
        ) as window_revenue_cny,
        bool_or(purchase.paid_at < message.sent_at) as has_bought_before,
        bool_or(
            purchase.paid_at >= message.sent_at and purchase.paid_at < days_after(message.sent_at, 90)
        ) as has_bought_after,
        bool_or(purchase.paid_at < days_after(message.sent_at, -90)) as has_bought_long_before,
        bool_or(
            purchase.paid_at >= days_after(message.sent_at, -90) and purchase.paid_at < message.sent_at
        ) as has_bought_in_quarter_before
    from touched_message as message
    inner join plan_in_force as plan using (plan_id)
    inner join order_clean as purchase using (token)
    group by message.plan_id, message.token
),

final as (
    select
        plan_id,
        token,
        window_revenue_cny,
        has_bought_before and has_bought_after as has_repurchased,
        has_bought_long_before and has_bought_in_quarter_before as has_repurchased_before
    from bought
)

select * from final
