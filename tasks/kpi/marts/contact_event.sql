-- one row per reply, click, order or other event of a person, with the message it is attributed to
with reply_link as (
    select reply_id, max(row(message.sent_at, message.plan_id, message.campaign_id)) as found
    from reply_received as reply
    inner join touched_message as message using (token)
    where message.is_submitted
        and message.sent_at <= reply.replied_at
        and reply.replied_at < days_after(message.sent_at, 7)
    group by reply_id
),

own_click as (
    select
        click.click_id, click.token, click.clicked_at, message.plan_id, message.campaign_id, message.attribution_days,
        'own_message' as attributed_by
    from click_received as click
    inner join touched_message as message
        on message.batch_id = click.batch_id and message.position = click.position
),

logged_click as (
    -- a click log that names no message: the last one before it on that channel
    select
        click.click_id, click.token, click.clicked_at, message.plan_id, message.campaign_id, message.attribution_days,
        'last_message' as attributed_by
    from click_received as click
    inner join touched_message as message using (token)
    where click.batch_id is null
        and message.is_submitted
        and message.channel = click.channel
        and message.click_tracking <> 'none'
        and message.sent_at <= click.clicked_at
        and click.clicked_at < days_after(message.sent_at, message.attribution_days)
    qualify row_number() over (partition by click.click_id order by message.sent_at desc, message.plan_id desc) = 1
),

click_link as (
    select * from own_click
    union all
    select * from logged_click
),

order_by_click as (
    select order_id, max(row(message.clicked_at, message.plan_id, message.campaign_id)) as found
    from order_clean as purchase
    inner join click_link as message using (token)
    where message.clicked_at <= purchase.paid_at
        and purchase.paid_at < days_after(message.clicked_at, message.attribution_days)
    group by order_id
),

order_by_message as (
    select order_id, max(row(message.sent_at, message.plan_id, message.campaign_id)) as found
    from order_clean as purchase
    inner join touched_message as message using (token)
    where message.is_delivered
        and message.sent_at <= purchase.paid_at
        and purchase.paid_at < days_after(message.sent_at, message.attribution_days)
    group by order_id
),

final as (
    select
        'reply' as source, reply_id::varchar as event_id, kind, token, replied_at as happened_at, channel,
        found[2] as plan_id, found[3] as campaign_id,
        case when found is not null then 'last_message' end as attributed_by, null::decimal(12, 2) as amount_cny
    from reply_received
    left join reply_link using (reply_id)
    union all
    select
        'click', click.click_id::varchar, 'click', click.token, click.clicked_at, click.channel, plan_id, campaign_id,
        attributed_by, null
    from click_received as click
    left join click_link using (click_id)
    union all
    select
        'order', order_id::varchar, 'order', token, paid_at, null,
        coalesce(by_click.found[2], by_message.found[2]), coalesce(by_click.found[3], by_message.found[3]),
        case when by_click.found is not null then 'last_click' when by_message.found is not null then 'last_message' end,
        amount::decimal(12, 2)
    from order_clean
    left join order_by_click as by_click using (order_id)
    left join order_by_message as by_message using (order_id)
    union all
    select 'event', event_id::varchar, kind, token, event.at, null, null, null, null, null
    from event_clean as event
)

select * from final
