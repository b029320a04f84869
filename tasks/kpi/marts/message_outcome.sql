-- temporary: one row per message that has a receipt: its last one, `delivered` before `failed` at the same moment
with last_said as (
    select
        batch.first_message_no + receipt.position as message_no,
        -- moment and content as one number: a total order, so that the same receipts give the same row however they came
        max(epoch_us(receipt.reported_at)::hugeint * 1073741824 + said.said_no) as found
    from receipt_received as receipt
    inner join batch_known as batch using (batch_id)
    inner join receipt_said as said
        on said.is_delivered = (receipt.status = 'delivered')
        and said.code is not distinct from receipt.code
        and said.parts is not distinct from receipt.parts
    group by message_no
),

final as (
    select
        message_no,
        make_timestamptz((found >> 30)::bigint) as reported_at,
        said.is_delivered,
        said.code,
        said.parts as receipt_parts
    from last_said
    inner join receipt_said as said on said.said_no = (found & 1073741823)::bigint
)

select * from final
