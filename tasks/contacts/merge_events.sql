-- Works out what event_incoming changes in event_clean: event_change, one row per event id that is new or different
-- now; the incoming row wins. publish_events.sql writes it.
-- A row without a token is looked up by the user's own number of the person; rows that stay without one are in
-- event_unresolved.

create or replace temp table event_resolved as
with member as (
    -- Two people with one number of that kind: the one that changed last is the one it belongs to now.
    select source_id, arg_max(token, (updated_at, token)) as token
    from contact_clean
    where source_id in (select source_id from event_incoming where token is null)
    group by source_id
)
select incoming.* replace (coalesce(incoming.token, member.token) as token)
from event_incoming as incoming
left join member on incoming.token is null and member.source_id = incoming.source_id;

create or replace temp table event_unresolved as
select event_id, source_row, source_id from event_resolved where token is null;

create or replace temp table event_change as
with latest as (
    select * from event_resolved
    where token is not null
    qualify row_number() over (partition by event_id order by source_row desc) = 1
)
select latest.event_id, latest.token, latest.kind, latest.at, latest.detail, latest.import_id
from latest
left join event_clean as known on known.event_id = latest.event_id
where known.event_id is null
    or (latest.token, latest.kind, latest.at, latest.detail)
        is distinct from (known.token, known.kind, known.at, known.detail);
