-- temporary: one row per request with answers to keywords: what the provider took of it, under the campaign's plan
with asked as (
    select
        batch.batch_id, batch.channel, batch.state, batch.size, answer_batch.parts,
        coalesce(batch.sent_at, batch.accepted_at) as sent_at,
        split_part(batch.plan_id, '-answers-', 1) as release_id
    from batch_state as batch
    inner join answer_batch using (batch_id)
),

released as (select distinct release_id, plan_id from batch_state),

exceptional as (
    select batch_id, position, arg_max(exception.state, exception.at) as state
    from message_exception as exception
    semi join asked using (batch_id)
    group by batch_id, position
),

reported as (
    select
        batch_id, position,
        arg_max(if(status = 'delivered', 'delivered', 'failed'), (reported_at, status = 'delivered')) as state
    from receipt_received
    semi join asked using (batch_id)
    group by batch_id, position
),

known as (
    select
        batch_id,
        count(*) as messages,
        count(*) filter (state in ('accepted', 'delivered', 'failed')) as accepted,
        count(*) filter (state = 'delivered') as delivered
    from (
        select batch_id, position, coalesce(reported.state, exceptional.state) as state
        from reported
        full join exceptional using (batch_id, position)
    )
    group by batch_id
),

counted as (
    select
        asked.*,
        coalesce(known.accepted, 0)
            + if(asked.state = 'accepted', asked.size - coalesce(known.messages, 0), 0) as accepted,
        coalesce(known.delivered, 0) as delivered
    from asked
    left join known using (batch_id)
),

final as (
    select
        released.plan_id,
        counted.channel,
        counted.sent_at,
        counted.accepted,
        -- a request's parts are known, not each answer's: of a request taken in part they are shared out evenly
        round(counted.accepted * counted.parts / counted.size)::bigint as parts,
        round(counted.delivered * counted.parts / counted.size)::bigint as parts_delivered
    from counted
    inner join released using (release_id)
    where counted.accepted > 0
)

select * from final
