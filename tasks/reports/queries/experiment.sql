-- the experiment of the newest occurrence: verdict, lift, roll-out, realised and incremental, one row per variant
select *
from experiment_result
where campaign_id = $campaign_id
    and occurrence = (select max(occurrence) from experiment_result where campaign_id = $campaign_id)
order by variant
