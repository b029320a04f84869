-- temporary: one row per thing receipts say, numbered in the order in which one goes before another at the same moment
with different as (
    select distinct status = 'delivered' as is_delivered, code, parts
    from receipt_received
),

final as (
    select *, row_number() over (order by is_delivered, code nulls first, parts nulls first) as said_no
    from different
)

select * from final
