-- temporary: one row per plan, channel, template, wave, variant, segment and hour of sending: what can be added up
with counted as (
    select
        plan_no,
        channel,
        template,
        wave,
        variant,
        segment,
        epoch_us(coalesce(sent_at, send_at)) // 3600000000 as sent_hour_number,
        min(sent_at) as first_sent_at,
        max(sent_at) as last_sent_at,
        count(*) as planned,
        count(*) filter (state = 'rejected') as rejected,
        count(*) filter (state = 'delivered') as delivered,
        count(*) filter (state = 'failed') as failed,
        count(*) filter (state = 'unconfirmed') as unconfirmed,
        count(*) filter (state = 'suppressed') as suppressed,
        count(*) filter (state = 'expired') as expired,
        count(*) filter (state = 'cancelled') as cancelled,
        count(*) filter (state = 'unknown') as unknown,
        count(*) filter (state = 'accepted') as awaiting_receipt,
        count(*) filter (state in ('planned', 'intent', 'not_sent')) as waiting_to_leave,
        count(first_clicked_at) as clicked,
        count(first_ordered_at) as converted,
        count(*) filter (is_repurchased) as repurchased,
        count(*) filter (is_repurchased_before) as repurchased_before,
        count(opted_out_at) as opted_out,
        count(complained_at) as complained,
        coalesce(sum(parts) filter (state in ('accepted', 'delivered', 'failed')), 0) as parts,
        coalesce(sum(parts) filter (state = 'delivered'), 0) as parts_delivered,
        coalesce(sum(parts) filter (state in ('unknown', 'unconfirmed')), 0) as parts_unknown,
        sum(receipt_parts) as receipt_parts,
        sum(receipt_parts) filter (state = 'delivered') as receipt_parts_delivered,
        coalesce(sum(revenue_cny), 0) as revenue_cny,
        coalesce(sum(window_revenue_cny), 0) as window_revenue_cny
    from kept.message_row
    group by plan_no, channel, template, wave, variant, segment, sent_hour_number
),

final as (
    select
        plan.campaign_id,
        plan.plan_id,
        counted.channel::varchar as channel,
        counted.template::varchar as template,
        counted.wave::varchar as wave,
        counted.variant::varchar as variant,
        counted.segment::varchar as segment,
        make_timestamptz(sent_hour_number * 3600000000) as sent_hour,
        first_sent_at,
        last_sent_at,
        planned,
        delivered + failed + awaiting_receipt + rejected + unknown + unconfirmed as submitted,
        delivered + failed + awaiting_receipt as accepted,
        rejected,
        delivered,
        failed,
        unconfirmed,
        suppressed,
        expired,
        cancelled,
        unknown,
        awaiting_receipt,
        waiting_to_leave,
        case when plan.click_tracking not in ('none', 'per_variant') then clicked end as clicked,
        case when plan.is_orders_known then converted end as converted,
        case when plan.is_orders_known then repurchased end as repurchased,
        case when plan.is_orders_known then repurchased_before end as repurchased_before,
        opted_out,
        complained,
        parts,
        parts_delivered,
        parts_unknown,
        receipt_parts,
        receipt_parts_delivered,
        if(coalesce(price.billing, plan.billing) = 'delivered', parts_delivered, parts)
            * coalesce(price.price_cny, plan.price_cny) as cost_cny,
        if(coalesce(price.billing, plan.billing) = 'delivered', parts, parts_delivered)
            * coalesce(price.price_cny, plan.price_cny) as cost_other_mode_cny,
        case when plan.is_orders_known then revenue_cny end as revenue_cny,
        case when plan.is_orders_known then window_revenue_cny end as window_revenue_cny
    from counted
    inner join kept.plan_row as plan using (plan_no)
    left join kept.channel_price as price
        on price.plan_no = counted.plan_no and price.channel = counted.channel::varchar
    where plan.message_type <> 'test'  -- test phones are nobody's customers; the bill counts them by itself
)

select * from final
