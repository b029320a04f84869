-- temporary: one row per plan in force: where the keys of its messages begin, and its times as whole numbers
with final as (
    select
        plan_id,
        plan_no,
        row_number() over (order by plan_id) << 40 as first_message_key,
        attribution_days * 86400000000 as attribution_us,
        epoch_us(first_sent_at) as window_from_us,
        epoch_us(last_sent_at) + attribution_days * 86400000000 as window_until_us
    from plan_in_force
)

select * from final
