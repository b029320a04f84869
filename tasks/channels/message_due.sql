-- Grain: one row per message that left on a day (Asia/Shanghai) through a channel, or another of the same account at the
-- provider: what it may cost under a billing mode. `parts_due` is null while that is not known.
create or replace temp macro message_due(of_channel, of_day, of_billing) as table
with of_account as (
    select of_channel as channel
    union
    select other.channel
    from channel_account as own
    inner join channel_account as other on other.account = own.account
    where own.channel = of_channel
),

-- The answers to keywords are charged like the messages of a plan.
sent as (
    select
        message.batch_id,
        message.position,
        batch.channel,
        message.token,
        message.parts,
        coalesce(exception.state, batch.state) as state,
        batch.sent_at
    from plan_message as message
    inner join batch_state as batch on batch.batch_id = message.batch_id
    left join message_exception as exception
        on exception.batch_id = message.batch_id and exception.position = message.position
    union all
    select batch_id, position, channel, token, round(parts)::integer, state, sent_at from answer_sent
),

ours as (
    select
        batch_id || '.' || position as message_id,
        channel,
        token,
        parts,
        state,
        row_number() over (partition by token order by sent_at, batch_id) as place
    from sent
    where channel in (select channel from of_account)
        and sent_at is not null
        and date '1970-01-01' + ((epoch_us(sent_at) + 28800000000) // 86400000000)::int = of_day
),

outcome as (
    select batch_id || '.' || position as message_id, arg_max(status, row(reported_at, status = 'delivered')) as status
    from receipt_received
    group by all
)

select
    ours.*,
    coalesce(outcome.status, '') as status,
    case
        when ours.state in ('suppressed', 'rejected', 'expired', 'cancelled', 'planned', 'not_sent') then 0
        when ours.state in ('unknown', 'unconfirmed') and outcome.status is null then null
        when of_billing = 'delivered' and coalesce(outcome.status, '') <> 'delivered' then 0
        else ours.parts
    end as parts_due
from ours
left join outcome using (message_id)
