-- by campaign: what it sent in the week, and what came of that
with counted as (
    select
        campaign_id,
        any_value(message_type) as message_type,
        count(*) as submitted,
        count(*) filter (is_delivered) as delivered,
        count(*) filter (state = 'accepted') as awaiting_receipt,
        count(*) filter (state = 'unknown') as unknown,
        sum(is_clicked::int)::bigint as clicked,
        sum(is_converted::int)::bigint as converted,
        count(*) filter (is_opted_out) as opted_out,
        count(*) filter (is_complained) as complained,
        sum(cost_cny)::decimal(18, 4) as cost_cny,
        sum(revenue_cny)::decimal(18, 2) as revenue_cny,
        max(sent_at) as last_sent_at
    from message_fact
    where is_submitted and sent_at >= $begin and sent_at < $end
    group by campaign_id
)

select
    counted.*,
    campaign_kpi.campaign_name,
    counted.awaiting_receipt + counted.unknown = 0
        or counted.last_sent_at + interval 72 hour <= (select built_at from mart_build) as is_receipts_complete,
    rate(counted.delivered, counted.submitted) as delivery_rate,
    rate(counted.clicked, counted.delivered) as open_rate,
    rate(counted.converted, counted.delivered) as conversion_rate,
    rate(counted.opted_out, counted.delivered) as opt_out_rate,
    rate(counted.complained, counted.delivered) as complaint_rate
from counted
inner join campaign_kpi using (campaign_id)
order by counted.submitted desc, counted.campaign_id
