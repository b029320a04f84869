-- kept: one row per plan in force, under its number: what message_fact and contact_event say of a plan
with final as (
    select
        plan_no, plan_id, campaign_id, occurrence, message_type, trade, click_tracking, billing, price_cny,
        is_orders_known
    from plan_in_force
)

select * from final
