-- delivery by carrier and province
select
    coalesce(province, 'unknown') as province,
    coalesce(carrier, 'unknown') as carrier,
    count(*) as submitted,
    count(*) filter (is_delivered) as delivered,
    rate(count(*) filter (is_delivered), count(*)) as delivery_rate,
    wilson_low(count(*) filter (is_delivered), count(*)) as delivery_rate_low,
    wilson_high(count(*) filter (is_delivered), count(*)) as delivery_rate_high
from message_fact
where is_submitted and sent_at >= $begin and sent_at < $end
group by all
order by province, carrier
