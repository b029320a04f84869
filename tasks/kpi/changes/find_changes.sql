-- What is not as it was when the marts on file were built. Read from the warehouse and from `kept`, what those marts
-- were made of; `event_new` (source, event_id, token, moment) and `receipt_new` (batch_id, position) are there already.
-- Grain: plan_changed one row per plan whose messages must all be looked at again, message_changed one row per such
-- message and moment (row_no is its place in plan_message, NULL once it is gone), token_window one row per person whose events must be.

-- How far, in days, one event of a person can reach another: a reply 7 days, a click or an order its attribution window.
set variable reach_days = (
    select greatest(7, coalesce(max(attribution_days), 0)) from (from plan_in_force union all by name from kept.plan)
);
-- And an order: repurchase looks 90 days around a message, the holdout's comparison along the whole sending of a plan.
set variable order_reach_days = (
    select getvariable('reach_days') + greatest(90, coalesce(max(date_diff('day', first_sent_at, last_sent_at)), 0) + 1)
    from (from plan_in_force union all by name from kept.plan)
);

create or replace temp table plan_changed as
with here as (
    select plan_in_force.* exclude (first_sent_at, last_sent_at), signature
    from plan_in_force
    left join plan_signature using (plan_id)
),

there as (select * exclude (first_sent_at, last_sent_at) from kept.plan)

select distinct plan_id
from ((from here except from there) union all (from there except from here));

-- While a plan is being sent only what its people bought depends on when its sending began and ended.
create or replace temp table plan_stretched as
select plan.plan_id
from plan_in_force as plan
inner join kept.plan as before using (plan_id)
where (plan.first_sent_at, plan.last_sent_at) is distinct from (before.first_sent_at, before.last_sent_at);

create or replace temp table batch_changed as
with here as (select batch_id, plan_id, channel, state, sent_at, accepted_at from batch_state),

both_sides as ((from here except from kept.batch) union all (from kept.batch except from here))

select batch_id, coalesce(sent_at, accepted_at) as moment from both_sides;

create or replace temp table position_changed as
with here as (select batch_id, position, state, code, "at" from message_exception),

exceptional as ((from here except from kept.exception) union all (from kept.exception except from here)),

named as (
    select batch_id, position from exceptional
    union
    select batch_id, position from receipt_new
    union
    select click.batch_id, click.position
    from click_received as click
    inner join event_new on event_new.source = 'click' and event_new.event_id = click.click_id::varchar
    where click.batch_id is not null
)

select named.batch_id, named.position, coalesce(batch.sent_at, batch.accepted_at) as moment
from named
inner join batch_state as batch using (batch_id);

create or replace temp table message_changed as
with sealed as (
    select message.plan_id, message.token, position_changed.moment, message.rowid as row_no
    from plan_message as message
    inner join position_changed using (batch_id, position)
    union all
    select message.plan_id, message.token, coalesce(batch_changed.moment, message.send_at), message.rowid
    from plan_message as message
    inner join batch_changed using (batch_id)
),

planned as (
    select
        message.plan_id, message.token, coalesce(batch.sent_at, batch.accepted_at, message.send_at) as moment,
        message.rowid as row_no
    from plan_message as message
    left join batch_state as batch using (batch_id)
    where message.plan_id in (from plan_changed)
        or (message.plan_id in (from plan_stretched) and message.token in (select token from order_clean))
),

before as (
    select plan.plan_id, message.token, coalesce(message.sent_at, message.send_at) as moment, null::bigint as row_no
    from kept.message_row as message
    inner join kept.plan as plan using (plan_no)
    where plan.plan_id in (from plan_changed)
        or message.batch_id in (select batch_id from batch_changed)
)

select distinct * from (from sealed union all from planned union all from before);

create or replace temp table token_window as
with reaching as (
    select
        token,
        days_after(moment, -3 * getvariable('reach_days')) as from_at,
        days_after(moment, 3 * getvariable('reach_days')) as to_at
    from (
        select token, moment from message_changed where moment is not null
        union all
        select token, moment from event_new where source in ('reply', 'complaint', 'click')
    )
    union all
    -- a first order makes a buyer of everybody who is messaged later, however much later
    select
        token, days_after(moment, -3 * getvariable('reach_days') - getvariable('order_reach_days')),
        'infinity'::timestamptz
    from event_new
    where source = 'order'
),

merged as (select token, min(from_at) as from_at, max(to_at) as to_at from reaching group by token),

-- A click long after its message ties together what lies far apart: then everything of that person is looked at.
late as (
    select distinct click.token
    from click_received as click
    inner join batch_state as batch using (batch_id)
    where click.token in (select token from merged)
        and click.clicked_at > days_after(coalesce(batch.sent_at, batch.accepted_at), getvariable('reach_days'))
)

select
    merged.token,
    case when late.token is null then from_at else '-infinity'::timestamptz end as from_at,
    case when late.token is null then to_at else 'infinity'::timestamptz end as to_at
from merged
left join late using (token);
