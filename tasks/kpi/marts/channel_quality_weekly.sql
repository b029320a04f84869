-- one row per week of sending (Monday to Sunday, Asia/Shanghai) and channel: the quality ledger
with measured as (
    select
        business_week(sent_at) as week_start,
        channel,
        max(sent_at) as last_sent_at,
        count(*) as submitted,
        count(*) filter (is_accepted) as accepted,
        count(*) filter (state = 'rejected') as rejected,
        count(*) filter (is_delivered) as delivered,
        count(*) filter (is_delivered and latency_s <= 60) as delivered_first_attempt,
        count(*) filter (state = 'failed') as failed,
        count(*) filter (state = 'unconfirmed') as unconfirmed,
        count(*) filter (state = 'unknown') as unknown,
        count(*) filter (state = 'accepted') as awaiting_receipt,
        count(*) filter (is_opted_out) as opted_out,
        count(*) filter (is_complained) as complained,
        quantile_cont(latency_s, [0.5, 0.95]) filter (is_delivered) as latencies_s
    from message_fact
    where is_submitted and sent_at is not null and message_type <> 'test'
    group by all
),

final as (
    select
        week_start,
        channel,
        awaiting_receipt + unknown = 0
            or days_after(last_sent_at, 3) <= getvariable('marts_now') as is_receipts_complete,
        submitted,
        accepted,
        rejected,
        delivered,
        delivered_first_attempt,
        failed,
        unconfirmed,
        unknown,
        awaiting_receipt,
        opted_out,
        complained,
        rate(delivered, submitted) as delivery_rate,
        wilson_low(delivered, submitted) as delivery_rate_low,
        wilson_high(delivered, submitted) as delivery_rate_high,
        rate(delivered_first_attempt, submitted) as first_attempt_rate,
        rate(unknown, submitted) as unknown_rate,
        rate(opted_out, delivered) as opt_out_rate,
        rate(complained, delivered) as complaint_rate,
        1e6 * rate(complained, delivered) as complaints_per_million,
        latencies_s[1] as median_latency_s,
        latencies_s[2] as p95_latency_s
    from measured
)

select * from final
order by week_start, channel
