-- one row per complaint, with its 24-hour clock
with complained as (
    select reply.reply_id, reply.token, reply.channel, reply.replied_at, reply.text, event.plan_id, event.campaign_id
    from reply_received as reply
    left join contact_event as event on event.source = 'reply' and event.event_id = reply.reply_id::varchar
    where reply.kind = 'complaint'
),

suppressed as (
    select complained.reply_id, min(greatest(suppression.at, complained.replied_at)) as done_at
    from complained
    inner join suppression_recorded as suppression using (token)
    group by complained.reply_id
),

message as (
    select plan_id, token, segment, template, variant
    from message_fact
    where is_complained
),

final as (
    select
        complained.reply_id::varchar as complaint_id,
        complained.token,
        complained.campaign_id,
        complained.plan_id,
        complained.channel,
        message.segment,
        message.template,
        message.variant,
        complained.replied_at as complained_at,
        days_after(complained.replied_at, 1) as deadline_at,
        suppressed.done_at,
        suppressed.done_at is not null as is_done,
        coalesce(suppressed.done_at, getvariable('marts_now')) > days_after(complained.replied_at, 1) as is_overdue,
        -- people quote numbers; none may pass, in whatever script and spacing
        regexp_replace(
            complained.text,
            '([0-9０-９零〇一二三四五六七八九幺][\s\-－—.·()（）]*){7,}', '****', 'g'
        ) as text_masked
    from complained
    left join suppressed using (reply_id)
    left join message on message.plan_id = complained.plan_id and message.token = complained.token
)

select * from final
order by complained_at, complaint_id
