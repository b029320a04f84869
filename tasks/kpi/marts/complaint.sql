-- one row per complaint, with its 24-hour clock and what was done about it
with replied as (
    select
        reply.reply_id::varchar as complaint_id, 'reply' as source, reply.token, reply.channel,
        reply.replied_at as complained_at, reply.text, event.plan_id, event.campaign_id,
        recorded.done_at as recorded_done_at, recorded.cause, recorded.action, recorded.closed_at, recorded.closed_by
    from reply_received as reply
    left join contact_event as event on event.source = 'reply' and event.event_id = reply.reply_id::varchar
    left join complaint_recorded as recorded
        on recorded.source = 'reply' and recorded.token = reply.token and recorded.channel = reply.channel
        and recorded.complained_at = reply.replied_at
    where reply.kind = 'complaint'
),

complained as (
    select * from replied
    union all
    select
        'c' || recorded.complaint_id, recorded.source, recorded.token, nullif(recorded.channel, ''),
        recorded.complained_at, recorded.text, event.plan_id, event.campaign_id, recorded.done_at, recorded.cause,
        recorded.action, recorded.closed_at, recorded.closed_by
    from complaint_recorded as recorded
    left join contact_event as event
        on event.source = 'complaint' and event.event_id = recorded.complaint_id::varchar
    where recorded.source <> 'reply'
),

suppressed as (
    select complained.complaint_id, min(greatest(suppression.at, complained.complained_at)) as done_at
    from complained
    inner join suppression_recorded as suppression using (token)
    group by complained.complaint_id
),

clocked as (
    select complained.*, coalesce(complained.recorded_done_at, suppressed.done_at) as done_at
    from complained
    left join suppressed using (complaint_id)
),

message as (
    select plan_id, token, segment, template, variant
    from (from message_fact where token in (select token from clocked))
    semi join clocked using (plan_id, token)
),

final as (
    select
        clocked.complaint_id,
        clocked.source,
        clocked.token,
        clocked.campaign_id,
        clocked.plan_id,
        clocked.channel,
        message.segment,
        message.template,
        message.variant,
        clocked.complained_at,
        days_after(clocked.complained_at, 1) as deadline_at,
        clocked.done_at,
        clocked.done_at is not null as is_done,
        coalesce(clocked.done_at, getvariable('marts_now')) > days_after(clocked.complained_at, 1) as is_overdue,
        clocked.cause,
        clocked.action as action_taken,
        clocked.closed_at,
        clocked.closed_by,
        -- people quote numbers; none may pass, in whatever script and spacing
        regexp_replace(
            clocked.text,
            '([0-9０-９零〇一二三四五六七八九幺][\s\-－—.·()（）]*){7,}', '****', 'g'
        ) as text_masked
    from clocked
    left join message on message.plan_id = clocked.plan_id and message.token = clocked.token
)

select * from final
order by complained_at, complaint_id
