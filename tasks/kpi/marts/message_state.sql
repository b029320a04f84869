-- temporary view: one row per planned message with its state: the last receipt, else its exception, else its batch's
with joined as (
    select
        plan.campaign_id,
        plan.occurrence,
        plan.message_type,
        plan.trade,
        coalesce(batch.channel, plan.channel) as channel,
        plan.click_tracking,
        plan.billing,
        plan.price_cny,
        plan.attribution_days,
        plan.is_orders_known,
        message.*,
        coalesce(batch.sent_at, batch.accepted_at) as batch_sent_at,
        outcome.reported_at,
        outcome.receipt_parts,
        case
            when outcome.is_delivered then 'delivered'
            when not outcome.is_delivered then 'failed'
            else coalesce(exceptional.exception_state, batch.state, 'planned')
        end as state,
        coalesce(outcome.code, exceptional.exception_code) as code
    from plan_message as message
    inner join plan_in_force as plan using (plan_id)
    left join batch_known as batch on batch.batch_id = message.batch_id
    left join message_outcome as outcome on outcome.message_no = batch.first_message_no + message.position
    left join message_exceptional as exceptional
        on exceptional.message_no = batch.first_message_no + message.position
),

final as (
    select
        * exclude (batch_sent_at),
        state in ('accepted', 'rejected', 'unknown', 'unconfirmed', 'delivered', 'failed') as is_submitted,
        state in ('accepted', 'delivered', 'failed') as is_accepted,
        state = 'delivered' as is_delivered,
        case
            when state in ('accepted', 'rejected', 'unknown', 'unconfirmed', 'delivered', 'failed') then batch_sent_at
        end as sent_at
    from joined
)

select * from final
