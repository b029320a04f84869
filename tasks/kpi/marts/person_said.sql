-- temporary: one row per reply, and per complaint that came another way: by telephone, from the provider, a regulator
with gathered as (
    select 'reply' as source, reply_id::varchar as event_id, kind, token, replied_at as happened_at, channel
    from reply_received
    union all
    select 'complaint', complaint_id::varchar, 'complaint', token, complained_at, nullif(channel, '')
    from complaint_recorded
    where source <> 'reply'
),

final as (
    select *, row_number() over () as said_no
    from gathered
)

select * from final
