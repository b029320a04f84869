-- Put the rows made again in the place of the old ones. `temp` holds what the narrowed sources gave.
delete from marts_new.main.message_fact as old
where old.plan_id in (from plan_changed);

delete from marts_new.main.message_fact as old
using message_affected as affected
where old.plan_id = affected.plan_id and old.token = affected.token;

insert into marts_new.main.message_fact
select * from temp.message_fact semi join message_affected using (plan_id, token);

delete from marts_new.main.contact_event as old
using token_window as around
where old.token = around.token and old.source <> 'event' and old.happened_at between around.from_at and around.to_at;

delete from marts_new.main.contact_event as old
using (select event_id from event_new where source = 'event') as new
where old.source = 'event' and old.event_id = new.event_id;

insert into marts_new.main.contact_event
select event.*
from temp.contact_event as event
left join token_window as around using (token)
where event.source = 'event' or event.happened_at between around.from_at and around.to_at;
