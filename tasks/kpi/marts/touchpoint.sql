-- one row per contact token and event: each message with its effect, each reply, click, order and touch elsewhere
with message as (
    select
        token,
        coalesce(sent_at, send_at) as happened_at,
        'message' as source,
        message_type as kind,
        channel,
        campaign_id,
        plan_id,
        case
            when is_complained then 'complained'
            when is_opted_out then 'opted_out'
            when is_converted then 'converted'
            when is_clicked then 'clicked'
            else state
        end as effect,
        revenue_cny as amount_cny
    from message_fact
),

event as (
    select token, happened_at, source, kind, channel, campaign_id, plan_id, attributed_by as effect, amount_cny
    from contact_event
),

final as (
    select * from message
    union all
    select * from event
)

select * from final
