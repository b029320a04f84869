-- temporary: one row per batch of a plan in force, numbered: whole numbers join and group faster than names
with final as (
    select batch_state.*, row_number() over (order by batch_id) << 20 as first_message_no
    from batch_state
    semi join plan_in_force using (plan_id)
)

select * from final
