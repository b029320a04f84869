-- the test sample of the newest occurrence by variant, over what was sent, with 95% Wilson intervals
select
    variant, experiment_variable, primary_metric, sent, delivered, clicked, converted, opted_out, complained, revenue_cny,
    open_rate_of_sent, open_rate_low, open_rate_high,
    conversion_rate_of_sent, conversion_rate_low, conversion_rate_high,
    verdict, is_chosen, sentence_zh, sentence_en
from experiment_result
where campaign_id = $campaign_id
    and occurrence = (select max(occurrence) from experiment_result where campaign_id = $campaign_id)
order by variant
