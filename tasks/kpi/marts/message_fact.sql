-- one row per planned message of the plans in force, with its state and its effect: where every figure drills down to
with effect as (
    select
        plan_id,
        token,
        count(*) filter (source = 'click') as clicks,
        min(happened_at) filter (source = 'click') as first_clicked_at,
        count(*) filter (source = 'order') as orders,
        sum(amount_cny) filter (source = 'order') as revenue_cny,
        bool_or(kind = 'opt_out') as is_opted_out,
        bool_or(kind = 'complaint') as is_complained
    from contact_event
    where plan_id is not null
    group by plan_id, token
),

final as (
    select
        message.plan_id,
        message.campaign_id,
        message.occurrence,
        message.token,
        message.message_type,
        message.trade,
        message.channel,
        message.wave,
        message.variant,
        message.segment,
        message.province,
        message.city,
        message.carrier,
        message.number_type,
        message.template,
        message.batch_id,
        message.position,
        message.send_at,
        message.sent_at,
        business_hour(coalesce(message.sent_at, message.send_at)) as sent_hour,
        message.state,
        message.reported_at,
        case when message.reported_at is not null and message.sent_at is not null
            then greatest(0, epoch_us(message.reported_at) - epoch_us(message.sent_at)) / 1e6
        end as latency_s,
        case when message.state in ('failed', 'rejected') then message.code end as code,
        case when message.state in ('failed', 'rejected') then coalesce(code_cause.cause, 'ambiguous') end as cause,
        message.is_submitted,
        message.is_accepted,
        message.is_delivered,
        case when message.click_tracking not in ('none', 'per_variant') then coalesce(effect.clicks, 0) > 0 end as is_clicked,
        effect.first_clicked_at,
        case when message.is_orders_known then coalesce(effect.orders, 0) > 0 end as is_converted,
        case when message.is_orders_known then coalesce(effect.revenue_cny, 0)::decimal(12, 2) end as revenue_cny,
        case when message.is_orders_known
            then coalesce(purchase.window_revenue_cny, 0)::decimal(12, 2)
        end as window_revenue_cny,
        case when message.is_orders_known
            then message.is_delivered and coalesce(purchase.has_repurchased, false)
        end as is_repurchased,
        case when message.is_orders_known
            then message.is_delivered and coalesce(purchase.has_repurchased_before, false)
        end as is_repurchased_before,
        coalesce(effect.is_opted_out, false) as is_opted_out,
        coalesce(effect.is_complained, false) as is_complained,
        message.parts::int as parts,
        message.receipt_parts::int as receipt_parts,
        -- what a mode bills: parts the provider took, or parts that arrived
        (case when message.billing = 'delivered' then message.is_delivered else message.is_accepted end)::int
            * message.parts * message.price_cny as cost_cny,
        (case when message.billing = 'delivered' then message.is_accepted else message.is_delivered end)::int
            * message.parts * message.price_cny as cost_other_mode_cny
    from message_state as message
    left join effect using (plan_id, token)
    left join message_purchase as purchase using (plan_id, token)
    left join code_cause on code_cause.channel = message.channel and code_cause.code = message.code
)

select * from final
