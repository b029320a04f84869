-- the quality ledger of the week
select
    channel, submitted, delivered, delivery_rate, delivery_rate_low, delivery_rate_high, first_attempt_rate, unknown_rate,
    median_latency_s, p95_latency_s, opted_out, complained, complaints_per_million
from channel_quality_weekly
where week_start = $monday
order by submitted desc, channel
