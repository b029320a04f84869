-- what to do next; complaints are counted, everything else is listed
with told as (
    select *, case when kind <> 'complaint' then subject end as what
    from alert
    where campaign_id = $campaign_id
),

final as (
    select
        kind, severity, kpi, line, what as subject,
        count(*) as alerts,
        max(value) as value, max(value_low) as value_low, max(value_high) as value_high,
        max(events) as events, max(base) as base,
        max(advice_zh) as advice_zh, max(advice_en) as advice_en, max(told) as told
    from told
    group by kind, severity, kpi, line, what
)

select *
from final
order by array_position(['stop', 'warn', 'info'], severity), kind, subject
