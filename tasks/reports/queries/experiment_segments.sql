-- exploratory: the test of the newest occurrence by segment and variant; nothing may be decided on it
select
    segment, variant, count(*) filter (is_accepted) as sent,
    case
        when any_value(result.primary_metric) in ('converted', 'conversions')
            then count(*) filter (is_accepted and is_converted)
        when bool_or(is_clicked is not null) then count(*) filter (is_accepted and is_clicked)
    end as events
from message_fact
inner join experiment_result as result using (plan_id, variant)
where result.campaign_id = $campaign_id
    and result.occurrence = (select max(occurrence) from experiment_result where campaign_id = $campaign_id)
    and wave <> 'rollout'
group by segment, variant
order by segment, variant
