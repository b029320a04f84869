-- A year of campaigns for benchmarks/kpi.py: $messages messages of the tables that marts read, three events a message.
-- One plan a 1/200 of the messages, 500 messages a request; a person is in about ten plans. Of a message: 1.6 receipts
-- (providers repeat them), 0.35 clicks, 0.01 replies; beside it 0.34 orders and 0.7 touches on other channels.
create or replace table plan_made as
select
    'p' || i as plan_id, 'hash' as plan_hash, 'campaign-' || i // 4 as campaign_id, 'campaign' as campaign_name,
    '' || i as occurrence, 'marketing' as message_type, 'retail' as trade, 'channel-' || i % 3 as channel,
    'per_message' as click_tracking, 'submitted' as billing, 0.05::decimal(8, 4) as price_cny,
    case when i % 4 = 0 then 'offer' end as experiment_variable, 'open_rate' as primary_metric,
    7 as attribution_days, $messages // 200 as audience_size, $messages // 200 as planned, 0 as excluded,
    $messages // 200 as parts,
    timestamptz '2025-11-01 15:00:00+08' + to_hours(42 * i::int) as opens_at,
    timestamptz '2025-11-01 20:00:00+08' + to_hours(42 * i::int) as closes_at,
    timestamptz '2025-10-31 20:00:00+08' + to_hours(42 * i::int) as created_at, null::varchar as registration
from range(200) as series(i);

create or replace table plan_message as
with numbered as (
    select i, i // ($messages // 200) as plan_no, i % ($messages // 200) as seat from range($messages) as series(i)
)
select
    'p' || plan_no as plan_id, md5('' || (seat + plan_no % 10 * ($messages // 200))) as token, 'all' as wave,
    case when plan_no % 4 = 0 then ['a', 'b'][1 + seat % 2] end as variant, 'segment-' || seat % 5 as segment,
    ['广东', '浙江', '江苏', '四川', '河南', '山东', '湖北', '湖南'][1 + (hash(seat) % 8)::int] as province,
    ['深圳', '杭州', '南京', '成都', '郑州', '济南', '武汉', '长沙'][1 + (hash(seat) % 8)::int] as city,
    ['mobile', 'unicom', 'telecom'][1 + (hash(seat + 1) % 3)::int] as carrier, 'mobile' as number_type,
    'template-' || plan_no % 6 as template, '【触达】' as text, 60 as units, 1 as parts,
    timestamptz '2025-11-01 15:00:00+08' + to_hours(42 * plan_no::int) + to_seconds(seat // 500) as send_at,
    1 as release_number, 'p' || plan_no || '-1-' || seat // 500 as batch_id, (seat % 500)::int as position,
    0 as messages_before
from numbered;

create or replace table plan_exclusion as
select 'p' || i % 200 as plan_id, md5('x' || i) as token, ['no_consent', 'holdout'][1 + i % 2] as reason
from range($messages // 20) as series(i);

create or replace table batch_state as
select
    batch_id, plan_id, 'r' as release_id, 'channel-' || substr(plan_id, 2)::int % 3 as channel, 'accepted' as state,
    count(*)::int as size, min(send_at) as sent_at, min(send_at) + interval 1 second as accepted_at, 1 as attempts
from plan_message
group by batch_id, plan_id;

create or replace table message_exception as
select batch_id, position, 'suppressed' as state, 'opted_out' as code, send_at as "at"
from plan_message
where hash(batch_id, position) % 200 = 0;

create or replace table receipt_received as
with repeated as (
    select message.*, copy
    from plan_message as message, range(2) as copies(copy)
    where copy = 0 or hash(token, plan_id) % 10 < 6
)
select
    row_number() over () as receipt_id, 'channel' as channel, batch_id, position, token,
    case when hash(token, plan_id, 1) % 50 = 0 then 'failed' else 'delivered' end as status,
    case when hash(token, plan_id, 1) % 50 = 0 then ['MK:0001', 'MK:0005', 'DB:0141'][1 + position % 3]
        else 'DELIVRD' end as code,
    1 as parts, send_at + to_seconds(3 + (hash(token) % 40 + 60 * copy)::int) as reported_at,
    send_at + to_seconds(120 + 300 * copy::int) as received_at
from repeated;

create or replace table click_received as
select
    row_number() over () as click_id, 'channel' as channel, batch_id, position, token, 'link' as link,
    send_at + to_seconds(600 + (hash(token, plan_id) % 9000)::int) as clicked_at
from plan_message
where hash(plan_id, token, 2) % 100 < 35;

create or replace table reply_received as
select
    row_number() over () as reply_id, 'channel' as channel, token, 'T' as text,
    case when hash(token, plan_id, 3) % 10000 = 0 then 'complaint' else 'opt_out' end as kind,
    send_at + to_seconds(900) as replied_at
from plan_message
where hash(token, plan_id, 3) % 100 = 0;

create or replace table order_clean as
select
    'o' || row_number() over () as order_id, token, send_at + to_hours((hash(token, plan_id) % 300)::int) as paid_at,
    (50 + hash(plan_id, token) % 200)::decimal(12, 2) as amount, 0::decimal(12, 2) as discount, 'milk' as product,
    null::varchar as campaign, 'i1' as import_id
from plan_message
where hash(token, plan_id, 4) % 100 < 34;

create or replace table event_clean as
select
    'v' || row_number() over () as event_id, token, 'touch' as kind,
    send_at + to_hours((hash(plan_id, token, 5) % 300)::int) as "at", null::varchar as detail, 'i1' as import_id
from plan_message
where hash(token, plan_id, 6) % 100 < 70;

create or replace table suppression_recorded as
select token, 'marketing' as scope, kind as reason, 'reply' as source, replied_at as "at" from reply_received;

-- What has not come yet when the marts are built for the first time: everything of the two newest plans, and one
-- receipt in a thousand of all others.
create or replace table later_receipt_received as
select * from receipt_received
where split_part(batch_id, '-', 1) in ('p198', 'p199') or hash(receipt_id) % 1000 = 0;

create or replace table later_click_received as
select * from click_received where split_part(batch_id, '-', 1) in ('p198', 'p199');

create or replace table later_reply_received as
select * from reply_received where replied_at >= timestamptz '2025-11-01 15:00:00+08' + interval (42 * 198) hour;

create or replace table later_order_clean as
select * from order_clean where paid_at >= timestamptz '2025-11-01 15:00:00+08' + interval (42 * 205) hour;

create or replace table later_event_clean as
select * from event_clean where "at" >= timestamptz '2025-11-01 15:00:00+08' + interval (42 * 204) hour;

delete from receipt_received where receipt_id in (select receipt_id from later_receipt_received);
delete from click_received where click_id in (select click_id from later_click_received);
delete from reply_received where reply_id in (select reply_id from later_reply_received);
delete from order_clean where order_id in (select order_id from later_order_clean);
delete from event_clean where event_id in (select event_id from later_event_clean)
