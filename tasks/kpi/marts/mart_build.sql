-- one row: when these marts were built, and up to when their sources reach
with final as (
    select
        getvariable('marts_now')::timestamptz as built_at,
        (select max(received_at) from receipt_received) as receipts_until,
        (select max(replied_at) from reply_received) as replies_until,
        (select max(clicked_at) from click_received) as clicks_until,
        (select max(paid_at) from order_clean) as orders_until
)

select * from final
