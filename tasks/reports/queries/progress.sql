-- of the largest sending (a wave on one day): the shares of its messages that had left, and that had arrived, at 61
-- moments from its first message until 99% of its receipts were in
with leaving as (
    select *, wave || ' ' || strftime(sent_at, '%Y-%m-%d') as sending
    from message_fact
    where campaign_id = $campaign_id and is_submitted and sent_at is not null
),

largest as (
    select arg_max(sending, row(messages, sending)) as sending
    from (select sending, count(*) as messages from leaving group by sending)
),

message as (
    select epoch(sent_at) as sent_s, case when is_delivered then epoch(reported_at) end as arrived_s
    from leaving
    where sending = (select sending from largest)
),

scale as (
    select
        min(sent_s) as first_s,
        greatest(60, coalesce(quantile_disc(arrived_s, 0.99), 0) - min(sent_s), max(sent_s) - min(sent_s)) / 60 as step_s,
        count(*) as submitted
    from message
),

event as (
    select ceil((sent_s - first_s) / step_s)::int as step, 1 as sent, 0 as arrived
    from message, scale
    union all
    select greatest(0, ceil((arrived_s - first_s) / step_s))::int, 0, 1
    from message, scale
    where arrived_s is not null
),

counted as (
    select step, sum(sent) as sent, sum(arrived) as arrived
    from event
    group by step
),

running as (
    select step, sum(sent) over (order by step) as sent, sum(arrived) over (order by step) as arrived
    from counted
),

moment as (
    select series.step, max(running.sent) as sent, max(running.arrived) as arrived
    from range(61) as series(step)
    inner join running on running.step <= series.step
    group by series.step
)

select
    to_timestamp(first_s + step * step_s) as at_moment,
    submitted,
    sent / submitted as sent_share,
    arrived / submitted as delivered_share
from moment, scale
order by step
