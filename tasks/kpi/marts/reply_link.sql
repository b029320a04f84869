-- temporary: one row per reply or complaint that found a message: the person's last one within 7 days before
with found as (
    select
        said.said_no,
        -- moment and message as one number: of two messages of one moment that of the later plan by name
        max(message.sent_us::hugeint * 9223372036854775808 + message.message_key) as last_message
    from person_said as said
    inner join touched_person as person using (token)
    inner join touched_message as message using (person_no)
    where message.is_submitted
        and message.sent_us <= epoch_us(said.happened_at)
        and epoch_us(said.happened_at) < message.sent_us + 7 * 86400000000
    group by said.said_no
),

final as (
    select said_no, (last_message & 9223372036854775807)::bigint as message_key
    from found
)

select * from final
