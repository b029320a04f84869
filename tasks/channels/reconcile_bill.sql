-- Grain: one row per message of a day and channel on which the bill and our ledger do not agree. $billing is how the
-- channel charges. A bill names our message id where it can; else the n-th message of a person that day is the n-th line.
with ours as (
    select
        message.batch_id || '.' || message.position as message_id,
        message.token,
        message.parts,
        coalesce(exception.state, batch.state) as state,
        row_number() over (partition by message.token order by batch.sent_at, message.batch_id) as place
    from plan_message as message
    inner join batch_state as batch on batch.batch_id = message.batch_id
    left join message_exception as exception
        on exception.batch_id = message.batch_id and exception.position = message.position
    where batch.channel = $channel
        and batch.sent_at is not null
        and date '1970-01-01' + ((epoch_us(batch.sent_at) + 28800000000) // 86400000000)::int = $day
),

outcome as (
    select batch_id || '.' || position as message_id, arg_max(status, row(reported_at, status = 'delivered')) as status
    from receipt_received
    group by all
),

known as (
    select
        ours.*,
        coalesce(outcome.status, '') as status,
        case
            when ours.state in ('suppressed', 'rejected', 'expired', 'cancelled', 'planned', 'not_sent') then 0
            when ours.state in ('unknown', 'unconfirmed') and outcome.status is null then null
            when $billing = 'delivered' and coalesce(outcome.status, '') <> 'delivered' then 0
            else ours.parts
        end as parts_due
    from ours
    left join outcome using (message_id)
),

billed as (
    select
        line,
        message_id,
        token,
        parts,
        row_number() over (partition by token order by line) as place
    from bill_line
    where channel = $channel and day = $day
),

matched as (
    select
        coalesce(known.message_id, 'line ' || billed.line) as message,
        known.message_id is not null as is_ours,
        billed.line is not null as is_billed,
        known.state,
        known.status,
        known.parts,
        known.parts_due,
        coalesce(billed.parts, 0) as parts_billed
    from known
    full outer join billed
        on case when billed.message_id is not null then billed.message_id = known.message_id
            else billed.token = known.token and billed.place = known.place end
),

final as (
    select
        message,
        case
            when not is_ours then 'not_ours'
            when not is_billed then 'not_billed'
            when parts_due is null then 'outcome_unknown'
            when parts_due = 0 and status = 'failed' then 'failed_but_billed'
            when parts_due = 0 and state in ('accepted', 'intent') then 'no_receipt_but_billed'
            when parts_due = 0 then 'not_accepted_but_billed'
            else 'parts_differ'
        end as kind,
        coalesce(parts_due, 0)::integer as parts_ours,
        parts_billed::integer as parts_billed
    from matched
    where parts_billed is distinct from coalesce(parts_due, -1)
        and not (parts_due is null and not is_billed)
        and not (parts_due = 0 and not is_billed)
)

select * from final
order by kind, message
