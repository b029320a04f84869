-- the quality ledger of the newest week of each channel: first attempts apart from all that arrived
select
    channel, week_start, submitted, delivered, delivered_first_attempt, first_attempt_rate, delivery_rate,
    complaints_per_million
from channel_quality_weekly
qualify row_number() over (partition by channel order by week_start desc) = 1
order by channel
