-- how many are left at every step
select audience_size, planned, submitted, accepted, delivered, clicked, converted
from campaign_kpi
where campaign_id = $campaign_id
