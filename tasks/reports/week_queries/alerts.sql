-- what to do next: the week's alerts; complaints are counted
with found as (
    select *, case when kind <> 'complaint' then subject end as what
    from alert
    where since_at >= $begin and since_at < $end
),

counted as (
    select
        kind, severity, campaign_id, kpi, line, what as subject,
        count(*) as alerts,
        max(value) as value, max(value_low) as value_low, max(value_high) as value_high,
        max(events) as events, max(base) as base,
        max(advice_zh) as advice_zh, max(advice_en) as advice_en, max(told) as told
    from found
    group by kind, severity, campaign_id, kpi, line, what
)

select *
from counted
order by array_position(['stop', 'warn', 'info'], severity), kind, campaign_id, subject
