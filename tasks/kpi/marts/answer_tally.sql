-- temporary: one row per plan, channel, billing mode and moment of sending: answers to keywords the provider took
with reported as (
    select batch_id, position, arg_max(status = 'delivered', (reported_at, status = 'delivered')) as is_delivered
    from receipt_received
    semi join answer_sent using (batch_id)
    group by batch_id, position
),

known as (
    select answer_sent.*, coalesce(reported.is_delivered, false) as is_delivered
    from answer_sent
    left join reported using (batch_id, position)
    where answer_sent.state = 'accepted' or reported.is_delivered is not null
),

final as (
    select
        plan_id,
        channel,
        billing,
        sent_at,
        count(*) as accepted,
        sum(parts) as parts,
        sum(parts) filter (is_delivered) as parts_delivered,
        sum(if(billing = 'delivered' and not is_delivered, 0, parts * price_cny)) as cost_cny,
        sum(if(billing <> 'delivered' and not is_delivered, 0, parts * price_cny)) as cost_other_mode_cny
    from known
    group by plan_id, channel, billing, sent_at
)

select * from final
