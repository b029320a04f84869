-- temporary: one row per message of a touched person: the candidates of attribution, in whole numbers
with final as (
    select
        message.message_key,
        message.message_no,
        person.person_no,
        message.channel,
        message.is_submitted,
        message.state = 'delivered' as is_delivered,
        epoch_us(message.sent_at) as sent_us,
        plan.attribution_us,
        plan.window_from_us,
        plan.window_until_us
    from message_state as message
    inner join touched_person as person using (token)
    inner join plan_numbered as plan using (plan_id)
)

select * from final
