-- what it cost under both billing modes, and what came back
select
    parts, billing, cost_cny, cost_other_mode_cny, answers, answer_cost_cny,
    cost_cny / nullif(delivered, 0) as cost_per_delivered_cny,
    cost_cny / nullif(converted, 0) as cost_per_converted_cny,
    revenue_cny, incremental_revenue_cny, roi
from campaign_kpi
where campaign_id = $campaign_id
