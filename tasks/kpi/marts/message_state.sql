-- temporary view: one row per planned message with its state: the last receipt, else its exception, else its batch's
with joined as (
    select
        -- rows of a table made in the same transaction are numbered from 2^55 on
        plan.first_message_key + (message.rowid & 1099511627775) as message_key,
        batch.first_message_no + message.position as message_no,
        plan.plan_no,
        coalesce(batch.channel, planned.channel) as channel,
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
    inner join plan_numbered as plan using (plan_id)
    inner join plan_in_force as planned using (plan_id)
    left join batch_known as batch on batch.batch_id = message.batch_id
    left join message_outcome as outcome on outcome.message_no = batch.first_message_no + message.position
    left join message_exceptional as exceptional
        on exceptional.message_no = batch.first_message_no + message.position
),

final as (
    select
        * exclude (batch_sent_at),
        state in ('accepted', 'rejected', 'unknown', 'unconfirmed', 'delivered', 'failed') as is_submitted,
        case
            when state in ('accepted', 'rejected', 'unknown', 'unconfirmed', 'delivered', 'failed') then batch_sent_at
        end as sent_at
    from joined
)

select * from final
