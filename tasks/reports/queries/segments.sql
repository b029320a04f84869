-- by segment, with 95% Wilson intervals
select
    coalesce(segment, '-') as segment, submitted, delivered, clicked, converted, opted_out,
    delivery_rate,
    wilson_low(delivered, submitted) as delivery_rate_low,
    wilson_high(delivered, submitted) as delivery_rate_high,
    open_rate,
    wilson_low(clicked, delivered) as open_rate_low,
    wilson_high(clicked, delivered) as open_rate_high,
    conversion_rate
from segment_kpi
where campaign_id = $campaign_id and submitted > 0
order by submitted desc, segment
