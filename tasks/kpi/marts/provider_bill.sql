-- one row per day of sending (Asia/Shanghai), channel and billing mode: our count of parts against the provider's
with priced as (
    select message_fact.*, plan.billing, plan.price_cny
    from message_fact
    inner join plan_in_force as plan using (plan_id)
    where message_fact.is_submitted and message_fact.sent_at is not null
),

counted as (
    select
        business_day(sent_at) as day,
        channel,
        billing,
        count(*) as messages,
        coalesce(sum(parts) filter (is_accepted), 0)::bigint as our_parts_submitted,
        coalesce(sum(parts) filter (is_delivered), 0)::bigint as our_parts_delivered,
        coalesce(sum(parts) filter (state in ('unknown', 'unconfirmed')), 0)::bigint as our_parts_unknown,
        sum(receipt_parts)::bigint as receipt_parts_submitted,
        sum(receipt_parts) filter (is_delivered)::bigint as receipt_parts_delivered,
        sum(cost_cny)::decimal(18, 4) as cost_cny,
        sum(cost_other_mode_cny)::decimal(18, 4) as cost_other_mode_cny
    from priced
    group by all
),

final as (
    select
        day,
        channel,
        billing,
        messages,
        our_parts_submitted,
        our_parts_delivered,
        our_parts_unknown,
        case when billing = 'delivered' then our_parts_delivered else our_parts_submitted end as our_parts,
        receipt_parts_submitted,
        receipt_parts_delivered,
        -- no provider's daily statistics are kept yet
        null::bigint as provider_parts,
        null::bigint as difference_parts,
        cost_cny,
        cost_other_mode_cny
    from counted
)

select * from final
order by day, channel, billing
