-- temporary: one row per plan, channel, template, wave, variant, segment and hour of sending: what can be added up
with final as (
    select
        campaign_id,
        plan_id,
        channel,
        template,
        wave,
        variant,
        segment,
        sent_hour,
        min(sent_at) as first_sent_at,
        max(sent_at) as last_sent_at,
        count(*) as planned,
        count(*) filter (is_submitted) as submitted,
        count(*) filter (is_accepted) as accepted,
        count(*) filter (state = 'rejected') as rejected,
        count(*) filter (is_delivered) as delivered,
        count(*) filter (state = 'failed') as failed,
        count(*) filter (state = 'unconfirmed') as unconfirmed,
        count(*) filter (state = 'suppressed') as suppressed,
        count(*) filter (state = 'expired') as expired,
        count(*) filter (state = 'cancelled') as cancelled,
        count(*) filter (state = 'unknown') as unknown,
        count(*) filter (state = 'accepted') as awaiting_receipt,
        count(*) filter (state in ('planned', 'intent', 'not_sent')) as waiting_to_leave,
        sum(is_clicked::int) as clicked,
        sum(is_converted::int) as converted,
        sum(is_repurchased::int) as repurchased,
        sum(is_repurchased_before::int) as repurchased_before,
        count(*) filter (is_opted_out) as opted_out,
        count(*) filter (is_complained) as complained,
        coalesce(sum(parts) filter (is_accepted), 0) as parts,
        coalesce(sum(parts) filter (is_delivered), 0) as parts_delivered,
        coalesce(sum(parts) filter (state in ('unknown', 'unconfirmed')), 0) as parts_unknown,
        sum(receipt_parts) as receipt_parts,
        sum(receipt_parts) filter (is_delivered) as receipt_parts_delivered,
        sum(cost_cny) as cost_cny,
        sum(cost_other_mode_cny) as cost_other_mode_cny,
        sum(revenue_cny) as revenue_cny,
        sum(window_revenue_cny) as window_revenue_cny
    from message_fact
    where message_type <> 'test'  -- test phones are nobody's customers; the bill counts them by itself
    group by campaign_id, plan_id, channel, template, wave, variant, segment, sent_hour
)

select * from final
