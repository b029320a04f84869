-- Grain: one row per person who is planned. Reads audience_eligible, audience_assigned, audience_candidate and
-- message_rendered of the draft. $mode: none | full | sample. $opened_by: what opening_now.name is: 'variant', 'segment',
-- or 'all' with one row named ''.
-- Joined on equal keys only (NULL where nothing is to be found): DuckDB compares every pair of rows otherwise.
create or replace temp table message_staged as
with dealt as (
    select
        token,
        case when $mode = 'sample' and role = 'rest' then 'rollout' when $mode = 'sample' then 'sample' else 'all' end
            as wave,
        arm::varchar as variant
    from audience_assigned
    where role <> 'holdout'
),

planned as (
    select
        dealt.token,
        dealt.wave,
        dealt.variant,
        person.* exclude (token),
        if(dealt.wave = 'rollout', null, coalesce(dealt.variant, '')) as text_key,
        case
            when dealt.wave = 'rollout' then null
            when $opened_by = 'variant' then dealt.variant
            when $opened_by = 'segment' then person.segment
            else ''
        end as opening_key
    from dealt
    inner join audience_candidate person on person.token = dealt.token
),

written as (select token, coalesce(variant, '') as text_key, text, units, parts from message_rendered),

final as (
    select
        planned.token,
        planned.wave,
        planned.variant,
        planned.segment,
        planned.province,
        planned.city,
        planned.carrier,
        planned.number_type,
        planned.phone_region,
        written.text,
        written.units::integer as units,
        written.parts::integer as parts,
        opening.opens_at as send_at,
        opening.expires_at,
        planned.messages_this_week as messages_before,
        planned.event_key
    from planned
    left join written on written.token = planned.token and written.text_key = planned.text_key
    left join opening_now opening on opening.name = planned.opening_key
)

select * from final
