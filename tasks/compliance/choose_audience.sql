-- Grain: one row per person asked for. The first of the campaign's segments that somebody is in is their segment.
-- {where} is the campaign's condition on tag columns, checked word by word when the file was read.
create or replace table audience_candidate as
with member as (
    select token, arg_min(segment, list_position($segments, segment)) as segment
    from segment_member
    where to_at is null and list_contains($segments, segment)
    group by token
),

left_out as (
    select distinct token from segment_member where to_at is null and list_contains($left_out, segment)
),

asked as (
    select tagged.token, coalesce(member.segment, 'all') as segment
    from contact_tagged tagged
    left join member on member.token = tagged.token
    where (len($segments) = 0 or member.token is not null)
        and ({where})
        and tagged.token not in (select token from left_out)
        and (not $is_recurring or tagged.token in (select token from event_due))
),

-- Two numbers of one person: one is an alternate of the other, or both carry the same member number (the record that
-- changed last is the one it belongs to now). Only one of them is messaged.
duplicate as (
    select alternate.alternate_token as token
    from contact_alternate alternate
    inner join asked main on main.token = alternate.token
    inner join asked other on other.token = alternate.alternate_token
    left join contact_alternate back
        on back.token = alternate.alternate_token and back.alternate_token = alternate.token
    where alternate.token <> alternate.alternate_token
        and (back.token is null or alternate.token < alternate.alternate_token)
    union
    select asked.token
    from asked
    inner join contact_clean contact on contact.token = asked.token
    inner join (
        select source_id, arg_max(token, (updated_at, token)) as newest
        from contact_clean
        where source_id is not null and token in (select token from asked)
        group by source_id
        having count(*) > 1
    ) member_of on member_of.source_id = contact.source_id
    where member_of.newest <> asked.token
),

-- An opt-out on one number covers the person: alternates count like the number itself.
person_suppression as (
    select coalesce(alternate.token, suppressed.token) as token, suppressed.scope, suppressed.reason
    from suppression_now suppressed
    left join contact_alternate alternate on alternate.alternate_token = suppressed.token
    union all
    select token, scope, reason from suppression_now
),

stopped as (
    select token, if(bool_or(reason = 'complaint'), 'complaint', min(reason)) as reason
    from person_suppression
    where list_contains($scopes, scope)
    group by token
),

final as (
    select
        asked.token,
        asked.segment,
        contact.name,
        contact.surname,
        contact.gender,
        contact.language,
        contact.points,
        contact.points_expire_on,
        event.event_at as appointment_at,
        contact.birthday,
        coalesce(contact.city, contact.phone_city) as city,
        contact.province,
        contact.carrier,
        contact.number_type,
        contact.phone_region,
        contact.consent,
        contact.consent_source,
        contact.consent_at,
        contact.consent_purpose,
        event.event_key,
        event.event_at,
        event.starts_at as event_starts_at,
        event.over_at as event_over_at,
        coalesce(event.is_done, false) as is_event_done,
        test.token is not null as is_test_contact,
        duplicate.token is not null as is_duplicate,
        trouble.trouble as number_trouble,
        stopped.reason as suppression,
        coalesce(reserved.messages, 0) as messages_this_week,
        coalesce(today.messages, 0) as messages_this_day
    from asked
    inner join contact_clean contact on contact.token = asked.token
    left join stopped on stopped.token = asked.token
    left join reserved_now reserved on reserved.token = asked.token
    left join reserved_today today on today.token = asked.token
    left join event_due event on event.token = asked.token
    left join test_contact_now test on test.token = asked.token
    left join number_trouble_now trouble on trouble.token = asked.token
    left join duplicate on duplicate.token = asked.token
)

select * from final
