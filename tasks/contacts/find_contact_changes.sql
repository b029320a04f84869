-- Works out what contact_incoming (one row per person, see collapse_contacts.sql) changes in contact_clean:
-- contact_change, the new row of each known person that is different now. publish_contacts.sql writes it.
-- {known} has the rows of contact_clean of those who came in, and perhaps others: see merging.py.
--
-- The incoming record is newer unless both have a time and its time is the earlier one. Denied stays; a record without
-- consent gives way only to a grant that is later than anything known of the person; a file that says nothing of consent
-- changes none.

create or replace temp macro newest(is_newer, incoming, known) as
    if(is_newer, coalesce(incoming, known), coalesce(known, incoming));

create or replace temp table contact_change as
with paired as (
    select
        incoming,
        known,
        coalesce(incoming.newest_at, incoming.consent_at) as incoming_newest_at,
        known.newest_at is null or incoming_newest_at is null or incoming_newest_at >= known.newest_at as is_newer,
        case
            when not incoming.states_consent then false
            when not known.states_consent then true
            when known.consent = 'denied' and incoming.consent <> 'denied' then false
            when known.consent = 'none' and incoming.consent = 'granted'
                then coalesce(known.newest_at is null or incoming.consent_at > known.newest_at, false)
            when known.consent = incoming.consent
                then known.consent_at is null or coalesce(incoming.consent_at >= known.consent_at, false)
            else true
        end as takes_consent
    from contact_incoming as incoming
    inner join {known} as known on known.token = incoming.token
),
merged as (
    select
        incoming.token,
        newest(is_newer, incoming.phone_region, known.phone_region) as phone_region,
        newest(is_newer, incoming.carrier, known.allocated_carrier) as allocated_carrier,
        -- What a receipt has shown wins over the prefix.
        if(known.carrier = 'ported', 'ported', allocated_carrier) as carrier,
        newest(is_newer, incoming.number_type, known.number_type) as number_type,
        newest(is_newer, incoming.province, known.province) as province,
        newest(is_newer, incoming.phone_city, known.phone_city) as phone_city,
        newest(is_newer, incoming.name, known.name) as name,
        if(incoming.name is not null and (is_newer or known.name is null), incoming.surname, known.surname) as surname,
        newest(is_newer, incoming.gender, known.gender) as gender,
        newest(is_newer, incoming.city, known.city) as city,
        newest(is_newer, incoming.birthday, known.birthday) as birthday,
        newest(is_newer, incoming.due_date, known.due_date) as due_date,
        newest(is_newer, incoming.child_birthday, known.child_birthday) as child_birthday,
        newest(is_newer, incoming.language, known.language) as language,
        newest(is_newer, incoming.points, known.points) as points,
        newest(is_newer, incoming.points_expire_on, known.points_expire_on) as points_expire_on,
        newest(is_newer, incoming.tags, known.tags) as tags,
        if(takes_consent, incoming.consent, known.consent) as consent,
        if(takes_consent, incoming.consent_source, known.consent_source) as consent_source,
        if(takes_consent, incoming.consent_at, known.consent_at) as consent_at,
        if(takes_consent, incoming.consent_purpose, known.consent_purpose) as consent_purpose,
        newest(is_newer, incoming.source_id, known.source_id) as source_id,
        incoming.source_row,
        incoming.source_file,
        incoming.import_id,
        incoming.states_consent or known.states_consent as states_consent,
        greatest(incoming_newest_at, known.newest_at) as newest_at,
        known
    from paired
)
select * exclude (known)
from merged
-- Where a record comes from does not make it a change.
where (
    phone_region, allocated_carrier, carrier, number_type, province, phone_city, name, surname, gender, city,
    birthday, due_date, child_birthday, language, points, points_expire_on, tags, consent, consent_source, consent_at, consent_purpose,
    source_id, states_consent, newest_at
) is distinct from (
    known.phone_region, known.allocated_carrier, known.carrier, known.number_type, known.province,
    known.phone_city, known.name, known.surname, known.gender, known.city, known.birthday, known.due_date, known.child_birthday, known.language, known.points,
    known.points_expire_on, known.tags, known.consent, known.consent_source, known.consent_at, known.consent_purpose,
    known.source_id, known.states_consent, known.newest_at
);

-- Who refuses now and did not before: the ledger hears of them before anything is published. Whoever has such a number
-- as a further one is covered by the refusal.
create or replace temp table contact_denied as
with denied as (
    select token, true as is_known from contact_change
    where consent = 'denied'
        and token in (select token from {known} where consent <> 'denied')
    union all
    select incoming.token, false
    from contact_incoming as incoming
    anti join {known} as known on known.token = incoming.token
    where incoming.consent = 'denied'
),
pair as (
    select token, alternate_token from contact_alternate
    union
    select token, alternate_token from alternate_incoming
)
select token from denied where is_known
union
select pair.token from pair inner join denied on denied.token = pair.alternate_token
union
-- A number that refused earlier becomes a further number of somebody: the refusal covers them from now on.
select incoming.token
from alternate_incoming as incoming
inner join contact_clean as known on known.token = incoming.alternate_token and known.consent = 'denied';
