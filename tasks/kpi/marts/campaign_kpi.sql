-- one row per campaign
with campaign as (
    select
        campaign_id,
        arg_max(campaign_name, row(created_at, plan_id)) as campaign_name,
        arg_max(message_type, row(created_at, plan_id)) as message_type,
        arg_max(trade, row(created_at, plan_id)) as trade,
        string_agg(distinct channel, ', ' order by channel) as channel,
        arg_max(billing, row(created_at, plan_id)) as billing,
        arg_max(click_tracking, row(created_at, plan_id)) as click_tracking,
        arg_max(attribution_days, row(created_at, plan_id))::int as attribution_days,
        count(distinct occurrence) as occurrences,
        sum(audience_size)::bigint as audience_size
    from plan_in_force
    group by campaign_id
),

excluded as (
    select campaign_id, count(*) as excluded
    from plan_exclusion
    inner join plan_in_force using (plan_id)
    group by campaign_id
),

incremental as (
    select campaign_id, sum(surplus) as incremental_revenue_cny
    from (
        select campaign_id, sum(window_revenue_cny) - sum(planned) * any_value(revenue_per_person_cny) as surplus
        from message_tally
        inner join holdout_mean using (plan_id)
        group by campaign_id, plan_id
    )
    group by campaign_id
),

measured as (
    select
        campaign_id,
        min(first_sent_at) as first_sent_at,
        max(last_sent_at) as last_sent_at,
        sum(columns(* exclude (
            campaign_id, plan_id, channel, template, wave, variant, segment, sent_hour, first_sent_at, last_sent_at,
            parts_delivered, parts_unknown, receipt_parts, receipt_parts_delivered
        )))
    from message_tally
    group by campaign_id
),

answered as (
    select
        campaign_id,
        sum(accepted)::bigint as answers,
        sum(answer.parts) as parts,
        sum(answer.cost_cny) as cost_cny,
        sum(answer.cost_other_mode_cny) as cost_other_mode_cny
    from answer_tally as answer
    inner join (select plan_id, campaign_id from plan_in_force) using (plan_id)
    group by campaign_id
),

summed as (
    select
        campaign.*,
        measured.* exclude (campaign_id) replace (
            measured.parts + coalesce(answered.parts, 0) as parts,
            measured.cost_cny + coalesce(answered.cost_cny, 0) as cost_cny,
            measured.cost_other_mode_cny + coalesce(answered.cost_other_mode_cny, 0) as cost_other_mode_cny
        ),
        coalesce(answered.answers, 0) as answers,
        coalesce(answered.cost_cny, 0)::decimal(18, 4) as answer_cost_cny,
        coalesce(excluded.excluded, 0) as excluded,
        incremental.incremental_revenue_cny
    from campaign
    inner join measured using (campaign_id)
    left join excluded using (campaign_id)
    left join incremental using (campaign_id)
    left join answered using (campaign_id)
),

final as (
    select * from kpi_columns('summed')
)

select * from final
order by first_sent_at, campaign_id
