-- one row per day of sending (Asia/Shanghai), channel and billing mode: our count of parts against the provider's
with tested as (
    select
        plan_id,
        channel,
        sent_hour,
        min(sent_at) as first_sent_at,
        count(*) filter (is_submitted) as submitted,
        coalesce(sum(parts) filter (is_accepted), 0) as parts,
        coalesce(sum(parts) filter (is_delivered), 0) as parts_delivered,
        coalesce(sum(parts) filter (state in ('unknown', 'unconfirmed')), 0) as parts_unknown,
        sum(receipt_parts) as receipt_parts,
        sum(receipt_parts) filter (is_delivered) as receipt_parts_delivered,
        sum(cost_cny) as cost_cny,
        sum(cost_other_mode_cny) as cost_other_mode_cny
    from message_fact
    where message_type = 'test'
    group by plan_id, channel, sent_hour
),

charged as (
    select * from tested
    union all by name
    select
        plan_id, channel, sent_hour, first_sent_at, submitted, parts, parts_delivered, parts_unknown, receipt_parts,
        receipt_parts_delivered, cost_cny, cost_other_mode_cny
    from message_tally
    union all by name
    select
        plan_id, channel, billing, sent_at as sent_hour, sent_at as first_sent_at, accepted as submitted, parts,
        coalesce(parts_delivered, 0) as parts_delivered, 0 as parts_unknown, cost_cny, cost_other_mode_cny
    from answer_tally
),

counted as (
    select
        business_day(tally.sent_hour) as day,
        tally.channel,
        coalesce(tally.billing, price.billing, plan.billing) as billing,
        sum(tally.submitted)::bigint as messages,
        sum(tally.parts)::bigint as our_parts_submitted,
        sum(tally.parts_delivered)::bigint as our_parts_delivered,
        sum(tally.parts_unknown)::bigint as our_parts_unknown,
        sum(tally.receipt_parts)::bigint as receipt_parts_submitted,
        sum(tally.receipt_parts_delivered)::bigint as receipt_parts_delivered,
        sum(tally.cost_cny)::decimal(18, 4) as cost_cny,
        sum(tally.cost_other_mode_cny)::decimal(18, 4) as cost_other_mode_cny
    from charged as tally
    inner join plan_in_force as plan using (plan_id)
    left join kept.channel_price as price on price.plan_id = tally.plan_id and price.channel = tally.channel
    where tally.submitted > 0 and tally.first_sent_at is not null
    group by all
),

billed as (select channel, day, sum(parts)::bigint as parts, count(*) as lines from bill_line group by all),

-- what a provider tells, and bills, is of an account: of all channels that share it
shared as (
    select
        counted.*,
        case when billing = 'delivered' then our_parts_delivered else our_parts_submitted end as our_parts,
        coalesce(channel_account.account, counted.channel) as account
    from counted
    left join channel_account on channel_account.channel = counted.channel
),

explained as (
    select channel, day, sum(parts_billed - parts_ours)::bigint as parts from bill_difference group by all
),

final as (
    select
        counted.day,
        counted.channel,
        counted.billing,
        counted.account,
        counted.messages,
        counted.our_parts_submitted,
        counted.our_parts_delivered,
        counted.our_parts_unknown,
        counted.our_parts,
        counted.receipt_parts_submitted,
        counted.receipt_parts_delivered,
        provider_total.parts as provider_parts,
        (provider_total.parts - sum(counted.our_parts) over (partition by counted.day, counted.account))::bigint
            as difference_parts,
        billed.parts as bill_parts,
        case when billed.parts is not null then coalesce(explained.parts, 0) end as bill_difference_parts,
        counted.cost_cny,
        counted.cost_other_mode_cny
    from shared as counted
    left join provider_total on provider_total.channel = counted.channel and provider_total.day = counted.day
    left join billed on billed.channel = counted.channel and billed.day = counted.day
    left join explained on explained.channel = counted.channel and explained.day = counted.day
)

select * from final
order by day, channel, billing
