-- people of the audience for whom nothing was planned
select reason, excluded, share_of_audience
from exclusion
where campaign_id = $campaign_id
order by excluded desc, reason
