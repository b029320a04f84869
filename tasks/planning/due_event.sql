-- Grain: one row per person whose event falls due in an occurrence: $day, or up to $catch_up days before it (a missed
-- night). $event is the kind, $offset the days from the event to the message. Of several events of a person the earliest
-- that has not been answered counts. Reads event_claimed (token, event_key): what the campaign has answered already.
create or replace table event_due as
with last_seen as (
    select token, max(seen_on) as seen_on
    from (
        select token, paid_at::date as seen_on from order_clean where $event = 'silence_days'
        union all
        select token, "at"::date from event_clean where $event = 'silence_days' and kind = 'visit'
    )
    where seen_on <= $day
    group by token
),

child as (
    select token, coalesce(child_birthday, due_date) as child_from
    from contact_clean
    where $event = 'life_stage' and coalesce(child_birthday, due_date) is not null
),

happened as (
    select
        token,
        kind || '|' || event_id as identity,
        "at" as starts_at,
        -- What has been done is not over; the catch-up days bound how late one may still ask about it.
        if($event = 'appointment', "at", null) as over_at
    from event_clean
    where $event in ('appointment', 'installation') and kind = $event
    union all
    -- 29 February falls on 28 February in other years.
    select token, 'birthday|' || year(day_of_year), day_of_year::timestamptz, (day_of_year + 1)::timestamptz
    from (
        select token, (birthday + to_years((year($day) + step - year(birthday))::integer))::date as day_of_year
        from contact_clean, unnest([-1, 0, 1]) as years (step)
        where $event = 'birthday' and birthday is not null
    )
    union all
    select token, 'points|' || points_expire_on, points_expire_on::timestamptz, (points_expire_on + 1)::timestamptz
    from contact_clean
    where $event = 'points_expire' and points > 0 and points_expire_on is not null
    union all
    select token, 'silence|' || seen_on, seen_on::timestamptz, null from last_seen
    union all
    select token, 'stage|' || stage || '|' || year(from_on), from_on::timestamptz, null
    from (
        select token, 'pregnant' as stage, (child_from - interval 300 day)::date as from_on from child
        union all
        select token, 'age_0_1', child_from from child
        union all
        select token, 'age_1_3', (child_from + interval 1 year)::date from child
        union all
        select token, 'age_3_6', (child_from + interval 3 year)::date from child
    )
),

due as (
    select
        token,
        sha256(identity)[1:32] as event_key,
        starts_at,
        over_at,
        starts_at::date + $offset::integer as due_on
    from happened
),

final as (
    select
        due.token,
        due.event_key,
        if(due.starts_at = date_trunc('day', due.starts_at),
            strftime(due.starts_at, '%Y-%m-%d'), strftime(due.starts_at, '%Y-%m-%d %H:%M')) as event_at,
        due.starts_at,
        due.over_at,
        claimed.event_key is not null as is_done
    from due
    left join event_claimed claimed on claimed.token = due.token and claimed.event_key = due.event_key
    where due.due_on between $day - $catch_up::integer and $day
    qualify row_number() over (partition by due.token order by is_done, due.starts_at, due.event_key) = 1
)

select * from final
