-- the campaign's row of campaign_kpi
select *
from campaign_kpi
where campaign_id = $campaign_id
