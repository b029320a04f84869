-- Grain: one row per way of counting the parts of a day of a channel's account; parts and CNY, null where nobody told.
with submitted as (from message_due($channel, $day, 'submitted')),

delivered as (from message_due($channel, $day, 'delivered')),

receipts as (
    select batch_id || '.' || position as message_id, max(parts) as parts
    from receipt_received
    where $billing <> 'delivered' or status = 'delivered'
    group by all
),

counted as (
    select 1 as place, 'submitted' as way, sum(parts_due)::bigint as parts, null::decimal(18, 4) as cny from submitted
    union all
    select 2, 'delivered', sum(parts_due)::bigint, null from delivered
    union all
    select 3, 'receipts', sum(receipts.parts)::bigint, null
    from submitted
    inner join receipts using (message_id)
    union all
    select 4, 'statistics', max(parts), null from provider_total where channel = $channel and day = $day
    union all
    select 5, 'bill', sum(parts)::bigint, sum(fee_cny) from bill_line where channel = $channel and day = $day
)

select way, parts, coalesce(cny, parts * $price::decimal(18, 4))::decimal(18, 4) as cny
from counted
order by place
