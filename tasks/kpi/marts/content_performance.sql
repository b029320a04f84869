-- one row per template, campaign and variant, which together are one wording: the content ledger
with measured as (
    select
        template,
        campaign_id,
        coalesce(variant, '') as variant,
        max(trade) as trade,
        max(message_type) as message_type,
        max(sent_at) as last_sent_at,
        count(*) filter (is_submitted) as submitted,
        count(*) filter (is_delivered) as delivered,
        sum(is_clicked::int)::bigint as clicked,
        sum(is_converted::int)::bigint as converted,
        count(*) filter (is_opted_out) as opted_out,
        count(*) filter (is_complained) as complained,
        sum(cost_cny)::decimal(18, 4) as cost_cny,
        sum(revenue_cny)::decimal(18, 2) as revenue_cny
    from message_fact
    group by template, campaign_id, coalesce(variant, '')
),

final as (
    select
        *,
        rate(clicked, delivered) as open_rate,
        wilson_low(clicked, delivered) as open_rate_low,
        wilson_high(clicked, delivered) as open_rate_high,
        rate(converted, delivered) as conversion_rate,
        wilson_low(converted, delivered) as conversion_rate_low,
        wilson_high(converted, delivered) as conversion_rate_high,
        rate(converted, clicked) as conversion_per_click,
        rate(opted_out, delivered) as opt_out_rate,
        rate(complained, delivered) as complaint_rate
    from measured
)

select * from final
order by template, campaign_id, variant
