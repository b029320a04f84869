-- by day of the week and hour of sending (Asia/Shanghai): opens where they are measured, delivery
with counted as (
    select
        isodow(timezone('Asia/Shanghai', sent_at)) as weekday,
        hour(timezone('Asia/Shanghai', sent_at)) as hour_of_day,
        count(*) as submitted,
        count(*) filter (is_delivered) as delivered,
        sum(is_clicked::int)::bigint as clicked,
        count(*) filter (is_delivered and is_clicked is not null) as delivered_tracked
    from message_fact
    where is_submitted and sent_at >= $begin and sent_at < $end
    group by all
)

select *, rate(delivered, submitted) as delivery_rate, rate(clicked, delivered_tracked) as open_rate
from counted
order by weekday, hour_of_day
