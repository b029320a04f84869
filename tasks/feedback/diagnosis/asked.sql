-- temporary: the messages that were asked about, one row each; $field is chosen by the caller from a fixed list
create or replace temp table asked_message as
select
    token, campaign_id, template, carrier, province, channel, sent_at, sent_hour, state, code, cause, latency_s,
    is_delivered, is_clicked, is_submitted
from message_fact
where is_submitted and sent_at >= $since and {scope}
