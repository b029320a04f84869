-- temporary: one row per message whose state differs from its batch's: the latest word on it
with final as (
    select
        batch.first_message_no + exception.position as message_no,
        unnest(max(struct_pack(
            exceptional_at := exception.at, exception_state := exception.state, exception_code := exception.code
        )))
    from message_exception as exception
    inner join batch_known as batch using (batch_id)
    group by message_no
)

select * from final
