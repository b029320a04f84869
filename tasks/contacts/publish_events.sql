-- Writes event_change into event_clean. One insert, and only when there is something to write: see merging.py.

delete from event_clean where event_id in (select event_id from event_change);

insert into event_clean by name select * from event_change;
