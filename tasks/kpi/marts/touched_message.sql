-- temporary: one row per message of a person who ever replied, clicked or bought: the candidates of attribution
with touched as (
    select token from reply_received
    union
    select token from click_received
    union
    select token from order_clean
),

final as (
    select
        plan_id, campaign_id, token, channel, message_type, click_tracking, attribution_days, batch_id, position,
        is_submitted, is_delivered, sent_at
    from message_state
    semi join touched using (token)
)

select * from final
