-- one row per campaign and variant of its experiment
with measured as (
    select
        campaign_id,
        variant,
        min(first_sent_at) as first_sent_at,
        max(last_sent_at) as last_sent_at,
        sum(columns(* exclude (
            campaign_id, plan_id, channel, template, wave, variant, segment, sent_hour, first_sent_at, last_sent_at,
            parts_delivered, parts_unknown, receipt_parts, receipt_parts_delivered
        )))
    from message_tally
    where variant is not null
    group by campaign_id, variant
),

incremental as (
    select campaign_id, variant, sum(surplus) as incremental_revenue_cny
    from (
        select
            campaign_id, variant,
            sum(window_revenue_cny) - sum(planned) * any_value(revenue_per_person_cny) as surplus
        from message_tally
        inner join holdout_mean using (plan_id)
        group by campaign_id, variant, plan_id
    )
    group by campaign_id, variant
),

linked as (
    select plan_id, campaign_id
    from plan_in_force
    where click_tracking = 'per_variant' and channel in (select channel from link_click_received)
),

followed as (
    select linked.campaign_id, variant_click.variant, sum(variant_click.clicks)::bigint as link_clicks
    from variant_click
    inner join linked using (plan_id)
    group by linked.campaign_id, variant_click.variant
),

summed as (
    select
        measured.*,
        case when campaign_id in (select campaign_id from linked) then coalesce(link_clicks, 0) end as link_clicks,
        null::bigint as excluded,
        incremental.incremental_revenue_cny
    from measured
    left join incremental using (campaign_id, variant)
    left join followed using (campaign_id, variant)
),

final as (
    select * from kpi_columns('summed')
)

select * from final
order by campaign_id, variant
