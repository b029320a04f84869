-- one row per campaign occurrence and variant of its experiment, counted over the sample, with the verdict
with arm as (
    select
        plan_id,
        variant,
        sum(planned)::bigint as assigned,
        sum(submitted)::bigint as submitted,
        sum(accepted)::bigint as sent,
        sum(delivered)::bigint as delivered,
        sum(awaiting_receipt)::bigint as receipts_missing,
        sum(clicked)::bigint as clicked,
        sum(converted)::bigint as converted,
        sum(opted_out)::bigint as opted_out,
        sum(complained)::bigint as complained,
        sum(revenue_cny)::decimal(18, 2) as revenue_cny
    from message_tally
    where variant is not null and wave <> 'rollout'
    group by plan_id, variant
),

final as (
    select
        plan.campaign_id,
        plan.occurrence,
        plan.plan_id,
        plan.experiment_variable,
        plan.primary_metric,
        arm.* exclude (plan_id),
        rate(arm.clicked, arm.sent) as open_rate_of_sent,
        wilson_low(arm.clicked, arm.sent) as open_rate_low,
        wilson_high(arm.clicked, arm.sent) as open_rate_high,
        rate(arm.converted, arm.sent) as conversion_rate_of_sent,
        wilson_low(arm.converted, arm.sent) as conversion_rate_low,
        wilson_high(arm.converted, arm.sent) as conversion_rate_high,
        decision.verdict,
        decision.chosen = arm.variant as is_chosen,
        decision.sentence_zh,
        decision.sentence_en,
        decision.record
    from arm
    inner join plan_in_force as plan using (plan_id)
    left join experiment_decision as decision
        on decision.plan_id = arm.plan_id and decision.variant = arm.variant
    where plan.experiment_variable is not null
)

select * from final
order by campaign_id, occurrence, plan_id, variant
