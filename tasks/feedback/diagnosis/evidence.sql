-- name: standing  one row: what became of the messages asked about
select
    count(*) as sent,
    count(*) filter (is_delivered) as delivered,
    count(*) filter (state in ('failed', 'rejected')) as failed,
    count(*) filter (state in ('accepted', 'unknown') and sent_at > $now - interval 72 hours) as waiting,
    count(*) filter (
        state = 'unconfirmed' or (state in ('accepted', 'unknown') and sent_at <= $now - interval 72 hours)
    ) as silent,
    count(*) filter (is_clicked) as clicked,
    min(sent_at) as first_sent_at,
    max(sent_at) as last_sent_at
from asked_message

-- name: failures  one row per cause and code of what failed
select
    coalesce(cause, 'ambiguous') as cause, coalesce(code, '') as code, count(*) as messages,
    count(distinct token) as people, count(distinct template) as templates,
    count(distinct sent_at::date) as days
from asked_message
where state in ('failed', 'rejected')
group by all
order by messages desc, code

-- name: stubborn_numbers  one row: numbers that failed over templates and days and were never reached
with number as (
    select
        token, count(distinct template) as templates, count(distinct sent_at::date) as days,
        bool_or(is_delivered) as is_reached, count(*) filter (state in ('failed', 'rejected')) as failed
    from message_fact
    where token in (select token from asked_message where state in ('failed', 'rejected')) and sent_at >= $since
    group by token
)

select
    count(*) filter (failed >= 2 and templates >= 2 and days >= 2 and not is_reached) as stubborn,
    count(*) as failing
from number

-- name: templates  one row per template asked about, against the others of the same channels and time
with named as (
    select distinct template, channel from asked_message where template is not null
)

select
    named.template,
    count(*) filter (message.template = named.template) as sent,
    count(*) filter (message.template = named.template and state in ('failed', 'rejected')) as failed,
    count(distinct token) filter (message.template = named.template and state in ('failed', 'rejected')) as people,
    count(*) filter (message.template <> named.template) as other_sent,
    count(*) filter (message.template <> named.template and state in ('failed', 'rejected')) as other_failed
from named
inner join message_fact as message using (channel)
where message.is_submitted and message.sent_at >= $since
group by named.template
order by failed desc, named.template

-- name: cells  one row per carrier x province x hour asked about, against everything else of the same channels and days
with cell as (
    select
        carrier, province, sent_hour, any_value(channel) as channel, count(*) as sent,
        count(*) filter (state in ('failed', 'rejected')) as failed, median(latency_s) as latency_s,
        regr_slope(latency_s, epoch(sent_at)) as latency_trend
    from asked_message
    where carrier is not null and province is not null
    group by carrier, province, sent_hour
    having sent >= 20 and failed > 0
),

elsewhere as (
    select
        cell.carrier, cell.province, cell.sent_hour, count(*) as other_sent,
        count(*) filter (message.state in ('failed', 'rejected')) as other_failed,
        median(message.latency_s) as other_latency_s
    from cell
    inner join message_fact as message
        on message.channel = cell.channel
        and message.sent_at between cell.sent_hour - interval 1 day and cell.sent_hour + interval 1 day
        and (message.carrier, message.province) is distinct from (cell.carrier, cell.province)
    where message.is_submitted
    group by cell.carrier, cell.province, cell.sent_hour
)

select cell.*, other_sent, other_failed, other_latency_s
from cell
inner join elsewhere using (carrier, province, sent_hour)
order by failed desc, carrier, province, sent_hour
limit 50

-- name: crowded  one row: people who got more than three messages on a day
select count(*) as people
from (
    select token, sent_at::date as day
    from message_fact
    where token in (select token from asked_message where state in ('failed', 'rejected')) and sent_at >= $since
    group by all
    having count(*) > 3
)

-- name: channels  one row per channel asked about: how much of everything it sent failed
select message.channel, count(*) as sent, count(*) filter (message.state in ('failed', 'rejected')) as failed
from message_fact as message
where message.is_submitted and message.sent_at >= $since
    and message.channel in (select distinct channel from asked_message)
group by message.channel
order by message.channel

-- name: examples  the messages that did not arrive, the newest first
select sent_at, campaign_id, template, channel, carrier, province, state, code, cause, latency_s
from asked_message
where not is_delivered
order by sent_at desc, token
limit 20
