-- by hour of sending
select
    sent_hour, hour_of_day, submitted, delivered, clicked, converted,
    delivery_rate, open_rate,
    wilson_low(clicked, delivered) as open_rate_low,
    wilson_high(clicked, delivered) as open_rate_high
from hour_kpi
where campaign_id = $campaign_id and submitted > 0
order by sent_hour
