-- by segment, with 95% Wilson intervals
with counted as (
    select
        coalesce(segment, '-') as segment,
        count(*) as submitted,
        count(*) filter (is_delivered) as delivered,
        sum(is_clicked::int)::bigint as clicked,
        count(*) filter (is_delivered and is_clicked is not null) as delivered_tracked,
        sum(is_converted::int)::bigint as converted,
        count(*) filter (is_opted_out) as opted_out
    from message_fact
    where is_submitted and sent_at >= $begin and sent_at < $end
    group by all
)

select
    *,
    rate(delivered, submitted) as delivery_rate,
    wilson_low(delivered, submitted) as delivery_rate_low,
    wilson_high(delivered, submitted) as delivery_rate_high,
    rate(clicked, delivered_tracked) as open_rate,
    wilson_low(clicked, delivered_tracked) as open_rate_low,
    wilson_high(clicked, delivered_tracked) as open_rate_high,
    rate(converted, delivered) as conversion_rate
from counted
order by submitted desc, segment
