-- Put the rows made again in the place of the old ones. `temp` holds what the narrowed sources gave.
delete from marts_new.kept.message_row as old
using plan_changed as changed
where old.plan_no = md5_number_lower(changed.plan_id);

delete from marts_new.kept.message_row as old
using message_affected as affected
where old.plan_no = md5_number_lower(affected.plan_id) and old.token = affected.token;

insert into marts_new.kept.message_row
select made.*
from temp.message_row as made
semi join (select md5_number_lower(plan_id) as plan_no, token from message_affected) as affected using (plan_no, token);

delete from marts_new.kept.event_row as old
using token_window as around
where old.token = around.token and old.source <> 'event' and old.happened_at between around.from_at and around.to_at;

delete from marts_new.kept.event_row as old
using (select event_id from event_new where source = 'event') as new
where old.source = 'event' and old.event_id = new.event_id;

insert into marts_new.kept.event_row
select event.*
from temp.event_row as event
left join token_window as around using (token)
where event.source = 'event' or event.happened_at between around.from_at and around.to_at;
