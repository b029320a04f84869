-- Grain: one row per person who is planned. Reads audience_eligible, audience_assigned, audience_candidate and
-- message_rendered of the draft. $mode: none | full | sample.
create or replace table message_staged as
with planned as (
    select
        token,
        case when $mode = 'sample' and role = 'rest' then 'rollout' when $mode = 'sample' then 'sample' else 'all' end
            as wave,
        arm as variant
    from audience_assigned
    where role <> 'holdout'
),

final as (
    select
        planned.token,
        planned.wave,
        planned.variant,
        person.segment,
        person.province,
        person.city,
        person.carrier,
        person.number_type,
        person.phone_region,
        text.text,
        text.units::integer as units,
        text.parts::integer as parts,
        opening.opens_at as send_at,
        opening.expires_at,
        person.messages_this_week as messages_before,
        person.event_key
    from planned
    inner join audience_candidate person on person.token = planned.token
    left join message_rendered text
        on planned.wave <> 'rollout' and text.token = planned.token and text.variant is not distinct from planned.variant
    left join opening_now opening
        on planned.wave <> 'rollout'
            and (opening.variant is null or opening.variant = planned.variant)
            and (opening.segment is null or opening.segment = person.segment)
)

select * from final
