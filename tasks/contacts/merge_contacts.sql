-- Works out what contact_incoming changes in contact_clean: contact_merged (one row per incoming person) and
-- contact_change (the new row of each known person that is different now). publish_contacts.sql writes it.
--
-- Inside contact_incoming (a person may come several times): of each field the newest non-empty value, newer being a
-- later consent_at (none before any), then file, then row; the most restrictive consent (denied, none, granted) with
-- its evidence.
-- Against contact_clean: the incoming record is newer unless both have a time and its time is the earlier one. Denied
-- stays; a record without consent gives way only to a grant that is later than anything known of the person; a file
-- that says nothing of consent changes none.

create or replace temp table contact_repeated as
select token from contact_incoming group by token having count(*) > 1;

create or replace temp table contact_collapsed as
with ordered as (
    select
        *,
        row_number() over (partition by token order by consent_at nulls first, source_file, source_row) as place,
        case consent when 'denied' then 2 when 'none' then 1 else 0 end as restriction
    from contact_incoming
    where token in (select token from contact_repeated)
),
collapsed as (
    select
        token,
        arg_max(phone_region, place) as phone_region,
        arg_max(carrier, place) as carrier,
        arg_max(number_type, place) as number_type,
        arg_max(province, place) as province,
        arg_max(phone_city, place) as phone_city,
        arg_max({'name': name, 'surname': surname}, place) filter (where name is not null) as person,
        arg_max(gender, place) as gender,
        arg_max(city, place) as city,
        arg_max(birthday, place) as birthday,
        arg_max(due_date, place) as due_date,
        arg_max(child_birthday, place) as child_birthday,
        arg_max(language, place) as language,
        arg_max(points, place) as points,
        arg_max(points_expire_on, place) as points_expire_on,
        arg_max(tags, place) as tags,
        arg_max(
            {'answer': consent, 'source': consent_source, 'at': consent_at, 'purpose': consent_purpose},
            {'states': states_consent, 'restriction': restriction, 'place': place}
        ) as said,
        arg_max(source_id, place) as source_id,
        arg_max(source_row, place) as source_row,
        arg_max(source_file, place) as source_file,
        arg_max(import_id, place) as import_id,
        bool_or(states_consent) as states_consent,
        max(consent_at) as newest_at
    from ordered
    group by token
)
select
    token, phone_region, carrier, number_type, province, phone_city,
    person.name as name, person.surname as surname,
    gender, city, birthday, due_date, child_birthday, language, points, points_expire_on, tags,
    said.answer as consent, said.source as consent_source, said.at as consent_at, said.purpose as consent_purpose,
    source_id, source_row, source_file, import_id, states_consent, newest_at
from collapsed;

create or replace temp view contact_merged as
select
    token, phone_region, carrier, number_type, province, phone_city, name, surname, gender, city, birthday, due_date,
    child_birthday, language, points, points_expire_on, tags, consent, consent_source, consent_at, consent_purpose,
    source_id, source_row, source_file, import_id, states_consent, consent_at as newest_at
from contact_incoming
where token not in (select token from contact_repeated)
union all by name
select * from contact_collapsed;

create or replace temp macro newest(is_newer, incoming, known) as
    if(is_newer, coalesce(incoming, known), coalesce(known, incoming));

create or replace temp table contact_change as
with paired as (
    select
        incoming,
        known,
        known.newest_at is null or incoming.newest_at is null or incoming.newest_at >= known.newest_at as is_newer,
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
    from contact_merged as incoming
    inner join contact_clean as known on known.token = incoming.token
),
merged as (
    select
        incoming.token,
        newest(is_newer, incoming.phone_region, known.phone_region) as phone_region,
        newest(is_newer, incoming.carrier, known.carrier) as carrier,
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
        greatest(incoming.newest_at, known.newest_at) as newest_at,
        known
    from paired
)
select * exclude (known)
from merged
-- Where a record comes from does not make it a change.
where (
    phone_region, carrier, number_type, province, phone_city, name, surname, gender, city, birthday, due_date,
    child_birthday, language, points, points_expire_on, tags, consent, consent_source, consent_at, consent_purpose,
    source_id, states_consent, newest_at
) is distinct from (
    known.phone_region, known.carrier, known.number_type, known.province, known.phone_city, known.name, known.surname,
    known.gender, known.city, known.birthday, known.due_date, known.child_birthday, known.language, known.points,
    known.points_expire_on, known.tags, known.consent, known.consent_source, known.consent_at, known.consent_purpose,
    known.source_id, known.states_consent, known.newest_at
);
