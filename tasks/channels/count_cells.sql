-- Grain: one row per carrier and province of a canary: sent, delivered, delivered at the first attempt; and the same
-- cell's marketing messages through the same channel before. Tests to test phones say nothing of customers' networks.
with sent as (
    select
        message.plan_id = $plan as is_now,
        coalesce(message.carrier, 'unknown') as carrier,
        coalesce(message.province, 'unknown') as province,
        batch.batch_id,
        message.position,
        batch.sent_at
    from plan_message as message
    inner join batch_state as batch on batch.batch_id = message.batch_id
    inner join plan_made as plan on plan.plan_id = message.plan_id
    where batch.channel = $channel
        and plan.message_type = 'marketing'
        and batch.state in ('accepted', 'unconfirmed')
        and (message.plan_id = $plan or (batch.sent_at >= $since and batch.sent_at < $opened))
),

outcome as (
    select
        batch_id,
        position,
        arg_max(status, row(reported_at, status = 'delivered')) = 'delivered' as is_delivered,
        max(reported_at) filter (status = 'delivered') as delivered_at
    from receipt_received
    group by batch_id, position
),

excepted as (select distinct batch_id, position from message_exception where state in ('suppressed', 'rejected')),

final as (
    select
        sent.carrier,
        sent.province,
        count(*) filter (sent.is_now) as sent,
        count(*) filter (sent.is_now and outcome.is_delivered) as delivered,
        count(*) filter (
            sent.is_now and outcome.is_delivered
            and epoch_us(outcome.delivered_at) - epoch_us(sent.sent_at) <= $first_s * 1000000
        ) as first_attempt,
        count(*) filter (not sent.is_now) as sent_before,
        count(*) filter (not sent.is_now and outcome.is_delivered) as delivered_before
    from sent
    left join outcome using (batch_id, position)
    anti join excepted on excepted.batch_id = sent.batch_id and excepted.position = sent.position
    group by sent.carrier, sent.province
)

select * from final where sent > 0 order by carrier, province
