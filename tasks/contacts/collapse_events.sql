-- Brings event_incoming, which came in batches, down to one row per event id: the one with the latest time, then the
-- one further down the file. event_dropped has the others, and whether they say something else.
create or replace temp table event_dropped as
with ordered as (
    select *, row_number() over (partition by event_id order by "at" desc, source_row desc) as place
    from event_incoming
    where event_id in (select event_id from event_incoming group by event_id having count(*) > 1)
)
select
    other.source_row,
    (other.token, other.source_id, other.kind, other.at, other.detail)
    is distinct from (kept.token, kept.source_id, kept.kind, kept.at, kept.detail) as is_conflict
from ordered as other
inner join ordered as kept on kept.event_id = other.event_id and kept.place = 1
where other.place > 1;

delete from event_incoming where source_row in (select source_row from event_dropped);
