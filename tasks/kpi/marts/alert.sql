-- one row per alert: what, against which line, with what to do; the same fact always has the same id
with unlisted as (
    select
        'unknown_code' as kind,
        'warn' as severity,
        null::varchar as campaign_id,
        channel || ' ' || code as subject,
        null::varchar as kpi,
        null::double as value,
        null::double as line,
        null::double as value_low,
        null::double as value_high,
        count(*) as events,
        null::bigint as base,
        null::double as p_value,
        min(coalesce(reported_at, sent_at)) as since_at,
        '向平台查询该错误码的含义，补进 receipt_codes.csv；在此之前按原因不明统计' as advice_zh,
        'Ask the provider what the code means and add it to receipt_codes.csv; until then the cause is not known.'
            as advice_en
    from message_fact
    where cause = 'unlisted'
    group by channel, code
),

told as (
    select
        alert_id,
        min("at") filter (outcome = 'sent') as told_at,
        string_agg(target || ' ' || outcome, ', ' order by target) as told
    from alert_delivery
    group by alert_id
),

complained as (
    select
        'complaint' as kind,
        case when is_overdue then 'stop' else 'warn' end as severity,
        campaign_id,
        complaint_id as subject,
        null::varchar as kpi,
        null::double as value,
        null::double as line,
        null::double as value_low,
        null::double as value_high,
        null::bigint as events,
        null::bigint as base,
        null::double as p_value,
        complained_at as since_at,
        case
            when is_overdue and is_done then '投诉超过24小时才完成退订：缩短拉取间隔或改用推送，登记原因与处理措施'
            when is_overdue then '投诉已超过24小时仍未完成退订：立即停发，登记原因与处理措施'
            else '24小时内完成退订，登记投诉原因与处理措施，由专人关闭'
        end as advice_zh,
        case
            when is_overdue and is_done
                then 'Suppressed only after 24 hours: pull more often, or let the provider push; record cause and action.'
            when is_overdue
                then 'The 24 hours are over and the person is not suppressed: stop at once, record cause and action.'
            else 'Complete the opt-out within 24 hours, record cause and action, have a person close it.'
        end as advice_en
    from complaint
),

unapproved as (
    select
        'not_approved' as kind,
        case when event = 'expired' then 'stop' else 'warn' end as severity,
        campaign_id,
        plan_id as subject,
        null::varchar as kpi,
        null::double as value,
        null::double as line,
        null::double as value_low,
        null::double as value_high,
        messages as events,
        null::bigint as base,
        null::double as p_value,
        "at" as since_at,
        case when event = 'expired' then '计划到期没有批准，已作废；要发就重新计划' else '时段已到，计划还没有批准：看计划，批准或取消' end as advice_zh,
        case when event = 'expired' then 'Its time is over and nobody approved it: it is void. Plan it again if it is still wanted.'
            else 'Its slot has come and nobody has approved it: look at the plan, approve it or leave it.'
        end as advice_en
    from approval_missed
),

gathered as (
    select * from unapproved
    union all
    select * from complained
    union all
    select * from line_crossing
    union all
    select * from channel_alarm
    union all
    select * from feedback_alarm
    union all
    select * from unlisted
),

named as (
    select
        -- the severity is part of the fact: that a complaint became overdue is news of its own
        left(sha256(concat_ws('|', kind, severity, coalesce(campaign_id, ''), subject)), 16) as alert_id,
        gathered.*
    from gathered
),

final as (
    select named.*, told.told_at, told.told
    from named
    left join told using (alert_id)
)

select * from final
order by since_at, alert_id
