-- One row per person in contact_incoming, whatever number of rows and batches they came in: of each field the newest
-- non-empty value, newer being a later consent_at (none before any), then file, then row; the most restrictive consent
-- (denied, none, granted) with its evidence. Only who came more than once is touched.

create or replace temp table contact_repeated as
select token, count(*) as row_count from contact_incoming group by token having count(*) > 1;

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
        max(coalesce(newest_at, consent_at)) as newest_at
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

delete from contact_incoming where token in (select token from contact_repeated);

insert into contact_incoming by name select * from contact_collapsed;

create or replace temp table alternate_distinct as
select distinct token, alternate_token from alternate_incoming;
