-- A probe as a plan. Grain: plan_made one row, plan_release one row, plan_message one row per test phone.
-- Reads message_staged of the draft.
insert into plan_message by name
select
    $plan as plan_id, token, wave, null::varchar as variant, 'test_phones' as segment, province, null::varchar as city,
    carrier, number_type, $kind as template, text, units, parts, send_at, 1 as release_number,
    $plan || '-1-' || ((row_number() over (order by token) - 1) // $batch_size) as batch_id,
    ((row_number() over (order by token) - 1) % $batch_size)::integer as position,
    0 as messages_before
from message_staged;

insert into plan_release by name
select
    $plan as plan_id, 1 as number, 'all' as wave, min(send_at) as opens_at, $expires_at::timestamptz as expires_at,
    count(*) as size, sum(parts)::bigint as parts
from message_staged;

insert into plan_made by name
select
    $plan as plan_id, $hash as plan_hash, $campaign_id as campaign_id, $name as campaign_name,
    $tested_type as occurrence, 'test' as message_type, 'other' as trade, $channel as channel,
    $click_tracking as click_tracking, $billing as billing, $price as price_cny, null::varchar as experiment_variable,
    null::varchar as primary_metric, 1 as attribution_days, count(*) as audience_size, count(*) as planned,
    0 as excluded, sum(parts)::bigint as parts, min(send_at) as opens_at, $expires_at::timestamptz as closes_at,
    $now::timestamptz as created_at, $window_start as window_start_minute, $window_end as window_end_minute,
    $campaign as campaign, $channel_record as channel_record, null::varchar as registration,
    []::varchar[] as seen_releases
from message_staged;
