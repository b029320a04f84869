-- kept: one row per planned message of the plans in force: what message_fact is a view of
with final as (
    select
        message.plan_no,
        message.token,
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
        message.state,
        message.reported_at,
        case when message.state in ('failed', 'rejected') then message.code end as code,
        case when message.state in ('failed', 'rejected') then coalesce(code_cause.cause, 'ambiguous') end as cause,
        effect.first_clicked_at,
        effect.first_ordered_at,
        effect.last_ordered_at,
        effect.opted_out_at,
        effect.complained_at,
        effect.revenue_cny,
        purchase.window_revenue_cny,
        coalesce(message.state = 'delivered' and purchase.has_repurchased, false) as is_repurchased,
        coalesce(message.state = 'delivered' and purchase.has_repurchased_before, false) as is_repurchased_before,
        message.parts::smallint as parts,
        message.receipt_parts::smallint as receipt_parts
    from message_state as message
    left join message_effect as effect using (message_key)
    left join message_purchase as purchase using (message_key)
    left join code_cause on code_cause.channel = message.channel and code_cause.code = message.code
)

select * from final
