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
        coalesce(contact.city, contact.phone_city) as city,
        contact.province,
        contact.carrier,
        contact.number_type,
        contact.phone_region,
        contact.consent,
        contact.consent_source,
        contact.consent_at,
        contact.consent_purpose,
        stopped.reason as suppression,
        coalesce(reserved.messages, 0) as messages_this_week
    from asked
    inner join contact_clean contact on contact.token = asked.token
    left join stopped on stopped.token = asked.token
    left join reserved_now reserved on reserved.token = asked.token
)

select * from final
