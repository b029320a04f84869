-- kept: one row per reply, complaint, click, order or other event of a person, with the plan it is attributed to
with reply as (
    select
        said.source, said.event_id, said.kind, said.token, said.happened_at, said.channel, link.message_key,
        case when link.message_key is not null then 'last_message' end as attributed_by,
        null::decimal(12, 2) as amount_cny
    from person_said as said
    left join reply_link as link using (said_no)
),

click as (
    select
        'click', click.click_id::varchar, 'click', click.token, click.clicked_at, click.channel, link.message_key,
        link.attributed_by, null
    from click_received as click
    left join click_link as link on link.click_no = click.rowid
),

purchase as (
    select
        'order', purchase.order_id::varchar, 'order', purchase.token, purchase.paid_at, null, link.message_key,
        link.attributed_by, purchase.amount::decimal(12, 2)
    from order_clean as purchase
    left join order_link as link on link.order_no = purchase.rowid
),

other as (
    select 'event', event_id::varchar, kind, token, event.at, null, null::bigint, null, null
    from event_clean as event
),

gathered as (
    select * from reply
    union all
    select * from click
    union all
    select * from purchase
    union all
    select * from other
),

final as (
    select
        gathered.source, gathered.event_id, gathered.kind, gathered.token, gathered.happened_at, gathered.channel,
        plan.plan_no, gathered.attributed_by, gathered.amount_cny
    from gathered
    left join plan_numbered as plan on plan.first_message_key >> 40 = gathered.message_key >> 40
)

select * from final
