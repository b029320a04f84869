-- one row per template, campaign and variant, which together are one wording: the content ledger
with measured as (
    select
        template,
        campaign_id,
        coalesce(variant, '') as variant,
        max(plan.trade) as trade,
        max(plan.message_type) as message_type,
        max(tally.last_sent_at) as last_sent_at,
        sum(submitted)::bigint as submitted,
        sum(delivered)::bigint as delivered,
        sum(clicked)::bigint as clicked,
        sum(converted)::bigint as converted,
        sum(opted_out)::bigint as opted_out,
        sum(complained)::bigint as complained,
        sum(cost_cny)::decimal(18, 4) as cost_cny,
        sum(revenue_cny)::decimal(18, 2) as revenue_cny
    from message_tally as tally
    inner join (select plan_id, trade, message_type from plan_in_force) as plan using (plan_id)
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
