-- one row per campaign occurrence and variant of its experiment, counted over the sample, with the verdict, how the
-- roll-out went, and what came later beside it
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
        sum(revenue_cny)::decimal(18, 2) as revenue_cny,
        max(last_sent_at) as last_sent_at
    from message_tally
    where variant is not null and wave <> 'rollout'
    group by plan_id, variant
),

registered as (
    select
        plan_id,
        json_extract_string(registration, '$.mode') as mode,
        json_extract(registration, '$.minimum_sent')::bigint as needed_sent,
        json_extract(registration, '$.minimum_events')::bigint as needed_events,
        json_extract(registration, '$.window_hours')::double as window_hours
    from plan_made
),

due as (
    select
        arm.plan_id,
        make_timestamptz(
            epoch_us(max(arm.last_sent_at)) + (greatest(any_value(registered.window_hours), 72) * 3600000000)::bigint
        ) as decision_due_at
    from arm
    inner join registered using (plan_id)
    group by arm.plan_id
),

final as (
    select
        plan.campaign_id,
        plan.occurrence,
        plan.plan_id,
        plan.experiment_variable,
        plan.primary_metric,
        registered.mode,
        arm.* exclude (plan_id, last_sent_at),
        rate(arm.clicked, arm.sent) as open_rate_of_sent,
        wilson_low(arm.clicked, arm.sent) as open_rate_low,
        wilson_high(arm.clicked, arm.sent) as open_rate_high,
        rate(arm.converted, arm.sent) as conversion_rate_of_sent,
        wilson_low(arm.converted, arm.sent) as conversion_rate_low,
        wilson_high(arm.converted, arm.sent) as conversion_rate_high,
        registered.needed_sent,
        registered.needed_events,
        due.decision_due_at,
        decision.verdict,
        decision.chosen = arm.variant as is_chosen,
        decision.sentence_zh,
        decision.sentence_en,
        decision.record,
        standing.* exclude (plan_id, variant),
        coalesce(ending.outcome, if(standing.rollout_waves_planned > 0, 'running', null)) as rollout_outcome,
        coalesce(ending.sentence_zh, looked.sentence_zh) as rollout_sentence_zh,
        coalesce(ending.sentence_en, looked.sentence_en) as rollout_sentence_en,
        harm.sentence_zh as harm_zh,
        harm.sentence_en as harm_en
    from arm
    inner join plan_in_force as plan using (plan_id)
    left join registered using (plan_id)
    left join due using (plan_id)
    left join experiment_decision as decision
        on decision.plan_id = arm.plan_id and decision.variant = arm.variant
    left join experiment_standing as standing
        on standing.plan_id = arm.plan_id and standing.variant = arm.variant
    left join rollout_end as ending on ending.plan_id = arm.plan_id
    left join (
        select plan_id, arg_max(sentence_zh, wave) as sentence_zh, arg_max(sentence_en, wave) as sentence_en
        from rollout_check
        group by plan_id
    ) as looked on looked.plan_id = arm.plan_id
    left join experiment_harm as harm on harm.plan_id = arm.plan_id
    where plan.experiment_variable is not null
)

select * from final
order by campaign_id, occurrence, plan_id, variant
