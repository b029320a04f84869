-- one row per week of sending, channel, carrier, province and cause of failure: the failure trace
with volume as (
    select
        date '1970-01-05' + 7 * week_number::int as week_start,
        channel::varchar as channel,
        coalesce(carrier::varchar, 'unknown') as carrier,
        coalesce(province::varchar, 'unknown') as province,
        sum(submitted)::bigint as submitted
    from (
        select
            plan_no, (epoch_us(sent_at) + 28800000000 - 345600000000) // 604800000000 as week_number,
            channel, carrier, province, count(*) as submitted
        from kept.message_row
        where sent_at is not null  -- which says that it was submitted
        group by all
    )
    inner join kept.plan_row using (plan_no)
    where message_type <> 'test'
    group by all
),

cell as materialized (
    select
        business_week(sent_at) as week_start,
        channel,
        coalesce(carrier, 'unknown') as carrier,
        coalesce(province, 'unknown') as province,
        cause, code, token, template
    from message_fact
    where state in ('failed', 'rejected') and sent_at is not null
),

failed as (
    select
        week_start, channel, carrier, province, cause,
        count(*) as failed,
        count(distinct token) as people,
        count(distinct template) as templates
    from cell
    group by week_start, channel, carrier, province, cause
),

coded as (
    select week_start, channel, carrier, province, cause, code, count(*) as messages
    from cell
    group by week_start, channel, carrier, province, cause, code
),

frequent as (
    -- at equal counts the last code by name: the same input gives the same row
    select week_start, channel, carrier, province, cause, arg_max(code, row(messages, code)) as most_frequent_code
    from coded
    group by week_start, channel, carrier, province, cause
),

final as (
    select
        failed.week_start,
        failed.channel,
        failed.carrier,
        failed.province,
        failed.cause,
        failed.failed,
        failed.people,
        failed.templates,
        frequent.most_frequent_code,
        volume.submitted,
        rate(failed.failed, volume.submitted) as failure_rate,
        wilson_low(failed.failed, volume.submitted) as failure_rate_low,
        wilson_high(failed.failed, volume.submitted) as failure_rate_high
    from failed
    inner join frequent using (week_start, channel, carrier, province, cause)
    inner join volume using (week_start, channel, carrier, province)
)

select * from final
order by week_start, channel, failed desc, carrier, province, cause
