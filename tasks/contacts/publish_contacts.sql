-- Writes contact_change and the new people of contact_incoming into contact_clean; $now is the time of the change.
-- What somebody had consented to or refused before stays on record in consent_past.
-- {known} is that of find_contact_changes.sql. Run only when there is something to write: see merging.py.

insert into consent_past
select known.token, known.consent, known.consent_source, known.consent_at, known.consent_purpose, known.source_file,
    known.source_row, $now::timestamptz as ended_at
from {known} as known
inner join contact_change as change on change.token = known.token
where known.consent <> 'none'
    and (known.consent, known.consent_source, known.consent_at, known.consent_purpose)
        is distinct from (change.consent, change.consent_source, change.consent_at, change.consent_purpose);

delete from contact_clean where token in (select token from contact_change);

insert into contact_clean by name
select *, $now::timestamptz as updated_at from contact_change
union all by name
select
    incoming.carrier as allocated_carrier,
    incoming.* replace (coalesce(incoming.newest_at, incoming.consent_at) as newest_at),
    $now::timestamptz as updated_at
from contact_incoming as incoming
anti join {known} as known on known.token = incoming.token
anti join contact_change on contact_change.token = incoming.token;
