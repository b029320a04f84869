-- The marts' sources, narrowed to what can matter to the people in `token_window`: temporary tables of the same names
-- hide the whole ones, so that the very queries of a full build make the new rows.
-- Grain: message_affected one row per message whose row must be made again.

-- all messages near enough to take part, each with whether its own row can have changed
create or replace temp table message_near as
with placed as (
    select
        message.plan_id, message.token, message.rowid as row_no,
        coalesce(batch.sent_at, batch.accepted_at, message.send_at) as moment, around.from_at, around.to_at
    from plan_message as message
    inner join token_window as around using (token)
    left join batch_state as batch using (batch_id)
)

select plan_id, token, row_no, coalesce(moment between from_at and to_at, true) as is_affected
from placed
where moment is null
    or moment between near_after(from_at, -4) and near_after(to_at, 4);

create or replace temp table message_affected as
select plan_id, token from message_near where is_affected
union
select plan_id, token from message_changed;

create or replace temp table token_context as
select token from message_near
union
select token from message_changed
union
select token from token_window;

create or replace temp table plan_message as
select message.*
from plan_message as message
where message.rowid in (select row_no from message_near union select row_no from message_changed where row_no is not null);

create or replace temp table receipt_received as
select receipt.*
from receipt_received as receipt
semi join (select batch_id, position from plan_message) as message using (batch_id, position);

create or replace temp table message_exception as
select exception.*
from message_exception as exception
semi join (select batch_id, position from plan_message) as message using (batch_id, position);

create or replace temp table reply_received as from reply_received semi join token_context using (token);

create or replace temp table complaint_recorded as from complaint_recorded semi join token_context using (token);

create or replace temp table click_received as from click_received semi join token_context using (token);

create or replace temp table order_clean as from order_clean semi join token_context using (token);

-- a touch on another channel has no message: what is new of them is all
create or replace temp table event_clean as
select event.*
from event_clean as event
semi join (select event_id from event_new where source = 'event') using (event_id);
