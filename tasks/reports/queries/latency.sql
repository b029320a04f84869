-- how long a message took from leaving to the receipt that says delivered, in seconds
select
    quantile_cont(latency_s, 0.5) as median_s,
    quantile_cont(latency_s, 0.95) as p95_s
from message_fact
where campaign_id = $campaign_id and is_delivered
