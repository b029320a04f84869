-- temporary: one row per message that has a receipt: its last one, `delivered` before `failed` at the same moment
with final as (
    select
        batch.first_message_no + receipt.position as message_no,
        -- one total order, so that the same receipts give the same row in whatever order they came
        unnest(max(struct_pack(
            reported_at := receipt.reported_at, is_delivered := receipt.status = 'delivered',
            code := receipt.code, receipt_parts := receipt.parts
        )))
    from receipt_received as receipt
    inner join batch_known as batch using (batch_id)
    group by message_no
)

select * from final
