-- what to do next; complaints are counted, everything else is listed
select
    kind, severity, kpi, line,
    case when kind = 'complaint' then null else subject end as subject,
    count(*) as alerts,
    max(value) as value, max(value_low) as value_low, max(value_high) as value_high,
    max(events) as events, max(base) as base,
    max(advice_zh) as advice_zh, max(advice_en) as advice_en
from alert
where campaign_id = $campaign_id
group by all
order by array_position(['stop', 'warn', 'info'], severity), kind, subject
