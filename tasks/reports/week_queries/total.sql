-- everything sent in the week, beside the week before
with counted as (
    select
        sent_at >= $begin as is_this_week,
        count(distinct campaign_id) as campaigns,
        count(*) as submitted,
        count(*) filter (is_accepted) as accepted,
        count(*) filter (is_delivered) as delivered,
        count(*) filter (state = 'accepted') as awaiting_receipt,
        count(*) filter (state = 'unknown') as unknown,
        sum(is_clicked::int)::bigint as clicked,
        count(*) filter (is_delivered and is_clicked is not null) as delivered_tracked,
        sum(is_converted::int)::bigint as converted,
        count(*) filter (is_opted_out) as opted_out,
        count(*) filter (is_complained) as complained,
        sum(cost_cny)::decimal(18, 4) as cost_cny,
        sum(revenue_cny)::decimal(18, 2) as revenue_cny,
        max(sent_at) as last_sent_at
    from message_fact
    where is_submitted and sent_at >= $before and sent_at < $end
    group by all
)

select
    *,
    awaiting_receipt + unknown = 0 or last_sent_at + interval 72 hour <= (select built_at from mart_build)
        as is_receipts_complete,
    rate(delivered, submitted) as delivery_rate,
    rate(clicked, delivered_tracked) as open_rate,
    rate(converted, delivered) as conversion_rate,
    rate(opted_out, delivered) as opt_out_rate,
    rate(complained, delivered) as complaint_rate,
    1e6 * rate(complained, delivered) as complaints_per_million,
    revenue_cny::double / nullif(cost_cny, 0)::double as roi
from counted
order by is_this_week desc
