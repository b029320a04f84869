-- one row per planned message of the plans in force, with its state and its effect: where every figure drills down to
with final as (
    select
        plan.plan_id,
        plan.campaign_id,
        plan.occurrence,
        message.token,
        plan.message_type,
        plan.trade,
        message.channel::varchar as channel,
        message.wave::varchar as wave,
        message.variant::varchar as variant,
        message.segment::varchar as segment,
        message.province::varchar as province,
        message.city::varchar as city,
        message.carrier::varchar as carrier,
        message.number_type::varchar as number_type,
        message.template::varchar as template,
        message.batch_id,
        message.position,
        message.send_at,
        message.sent_at,
        make_timestamptz(epoch_us(coalesce(message.sent_at, message.send_at)) // 3600000000 * 3600000000) as sent_hour,
        message.state::varchar as state,
        message.reported_at,
        case when message.reported_at is not null and message.sent_at is not null
            then greatest(0, epoch_us(message.reported_at) - epoch_us(message.sent_at)) / 1e6
        end as latency_s,
        message.code,
        message.cause::varchar as cause,
        message.state in ('accepted', 'rejected', 'unknown', 'unconfirmed', 'delivered', 'failed') as is_submitted,
        message.state in ('accepted', 'delivered', 'failed') as is_accepted,
        message.state = 'delivered' as is_delivered,
        case when plan.click_tracking not in ('none', 'per_variant')
            then message.first_clicked_at is not null
        end as is_clicked,
        message.first_clicked_at,
        case when plan.is_orders_known then message.first_ordered_at is not null end as is_converted,
        case when plan.is_orders_known then coalesce(message.revenue_cny, 0)::decimal(12, 2) end as revenue_cny,
        case when plan.is_orders_known
            then coalesce(message.window_revenue_cny, 0)::decimal(12, 2)
        end as window_revenue_cny,
        case when plan.is_orders_known then message.is_repurchased end as is_repurchased,
        case when plan.is_orders_known then message.is_repurchased_before end as is_repurchased_before,
        message.opted_out_at is not null as is_opted_out,
        message.complained_at is not null as is_complained,
        -- whole seconds after the message left: an experiment counts what happened within its window in one pass
        (epoch_us(message.first_clicked_at) - epoch_us(message.sent_at)) // 1000000 as clicked_after_s,
        (epoch_us(message.first_ordered_at) - epoch_us(message.sent_at)) // 1000000 as ordered_after_s,
        (epoch_us(message.last_ordered_at) - epoch_us(message.sent_at)) // 1000000 as last_ordered_after_s,
        (epoch_us(message.opted_out_at) - epoch_us(message.sent_at)) // 1000000 as opted_out_after_s,
        (epoch_us(message.complained_at) - epoch_us(message.sent_at)) // 1000000 as complained_after_s,
        message.parts::int as parts,
        message.receipt_parts::int as receipt_parts,
        -- what a mode bills: parts the provider took, or parts that arrived
        ((message.state in ('accepted', 'delivered', 'failed')
            and (coalesce(price.billing, plan.billing) <> 'delivered' or message.state = 'delivered'))::int
            * message.parts::int * coalesce(price.price_cny, plan.price_cny))::decimal(18, 4) as cost_cny,
        ((message.state in ('accepted', 'delivered', 'failed')
            and (coalesce(price.billing, plan.billing) = 'delivered' or message.state = 'delivered'))::int
            * message.parts::int * coalesce(price.price_cny, plan.price_cny))::decimal(18, 4) as cost_other_mode_cny
    from kept.message_row as message
    inner join kept.plan_row as plan using (plan_no)
    left join kept.channel_price as price
        on price.plan_no = message.plan_no and price.channel = message.channel::varchar
)

select * from final
