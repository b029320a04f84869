-- temporary: one row per person who ever replied, complained, clicked or bought, numbered
with touched as (
    select token from reply_received
    union
    select token from complaint_recorded
    union
    select token from click_received
    union
    select token from order_clean
),

final as (
    select token, row_number() over () as person_no
    from touched
)

select * from final
