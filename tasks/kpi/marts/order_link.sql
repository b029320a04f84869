-- temporary: one row per order that found a message: that of the last click, else the last delivered one
with by_click as (
    select
        purchase.order_no,
        max(click.clicked_us::hugeint * 9223372036854775808 + click.message_key) as found
    from order_known as purchase
    inner join click_link as click using (person_no)
    where click.clicked_us <= purchase.paid_us and purchase.paid_us < click.clicked_us + click.attribution_us
    group by purchase.order_no
),

by_message as (
    select
        purchase.order_no,
        max(message.sent_us::hugeint * 9223372036854775808 + message.message_key) as found
    from order_known as purchase
    inner join touched_message as message using (person_no)
    where message.is_delivered
        and message.sent_us <= purchase.paid_us
        and purchase.paid_us < message.sent_us + message.attribution_us
    group by purchase.order_no
),

final as (
    select
        order_no,
        (coalesce(by_click.found, by_message.found) & 9223372036854775807)::bigint as message_key,
        case when by_click.found is not null then 'last_click' else 'last_message' end as attributed_by
    from by_click
    full join by_message using (order_no)
)

select * from final
