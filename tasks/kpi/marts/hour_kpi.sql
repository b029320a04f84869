-- one row per campaign and hour of sending (of the planned hour while a message has not left)
with measured as (
    select
        campaign_id, sent_hour,
        hour(sent_hour)::int as hour_of_day,
        isodow(sent_hour)::int as weekday,
        min(first_sent_at) as first_sent_at,
        max(last_sent_at) as last_sent_at,
        sum(columns(* exclude (
            campaign_id, plan_id, channel, template, wave, variant, segment, sent_hour, first_sent_at, last_sent_at,
            parts_delivered, parts_unknown, receipt_parts, receipt_parts_delivered
        )))
    from message_tally
    group by campaign_id, sent_hour
),

summed as (
    select *, null::bigint as excluded, null::decimal(18, 2) as incremental_revenue_cny
    from measured
),

final as (
    select * from kpi_columns('summed')
)

select * from final
order by campaign_id, sent_hour
