-- one row per day of sending (Asia/Shanghai), channel and billing mode: our count of parts against the provider's
with counted as (
    select
        business_day(tally.sent_hour) as day,
        tally.channel,
        plan.billing,
        sum(tally.submitted)::bigint as messages,
        sum(tally.parts)::bigint as our_parts_submitted,
        sum(tally.parts_delivered)::bigint as our_parts_delivered,
        sum(tally.parts_unknown)::bigint as our_parts_unknown,
        sum(tally.receipt_parts)::bigint as receipt_parts_submitted,
        sum(tally.receipt_parts_delivered)::bigint as receipt_parts_delivered,
        sum(tally.cost_cny)::decimal(18, 4) as cost_cny,
        sum(tally.cost_other_mode_cny)::decimal(18, 4) as cost_other_mode_cny
    from message_tally as tally
    inner join plan_in_force as plan using (plan_id)
    where tally.submitted > 0 and tally.first_sent_at is not null
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
