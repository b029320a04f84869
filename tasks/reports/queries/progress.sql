-- share of the submitted messages that had left, and that had arrived, at 61 moments from the first sending until 99%
-- of the receipts were in
with message as (
    select epoch(sent_at) as sent_s, case when is_delivered then epoch(reported_at) end as arrived_s
    from message_fact
    where campaign_id = $campaign_id and is_submitted and sent_at is not null
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
    select series.step, max(running.sent) as sent, coalesce(max(running.arrived), 0) as arrived
    from range(61) as series(step)
    inner join running on running.step <= series.step
    group by series.step
)

select
    to_timestamp(first_s + step * step_s) as at_moment,
    sent / submitted as sent_share,
    arrived / submitted as delivered_share
from moment, scale
order by step
