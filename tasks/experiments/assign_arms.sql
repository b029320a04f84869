-- Grain: one row per eligible person. assignment.py runs the steps one by one and fills in the strata and their
-- quotas. A bucket is int(first 13 hex digits of sha256(salt|token)) / 2^52; where it is only compared with a
-- threshold the digits are compared as text, which is the same order and saves the conversion.

-- step: list_strata
select distinct coalesce(segment, $unknown) as segment, coalesce(province, $unknown) as province
from audience_eligible
order by segment, province;

-- step: bucket
create or replace temp table assign_bucketed as
with strata as (
    select unnest($segments) as segment, unnest($provinces) as province, unnest($ids) as stratum_id
),

hashed as (
    select
        people.token,
        strata.stratum_id,
        $has_holdout
            and sha256($holdout_salt || '|' || people.token) < $holdout_digits as is_holdout,
        not $has_layer
            or left(sha256($layer_salt || '|' || people.token), 13) between $layer_first and $layer_last as is_in_layer,
        ('0x' || left(sha256($sample_salt || '|' || people.token), 13))::ubigint / 4503599627370496::double as u
    from audience_eligible as people
    inner join strata
        on coalesce(people.segment, $unknown) = strata.segment and coalesce(people.province, $unknown) = strata.province
),

final as (
    select token, stratum_id, u, is_holdout, is_in_layer and not is_holdout as is_in_pool
    from hashed
)

select * from final;

-- step: count_strata
select
    stratum_id,
    count(*) filter (not is_holdout) as people,
    count(*) filter (is_in_pool) as pool
from assign_bucketed
group by stratum_id
order by stratum_id;

-- step: quotas
create or replace temp table assign_strata as
select
    unnest($ids) as stratum_id,
    unnest($strata) as stratum,
    unnest($quotas) as quota,
    unnest($starts) as start_arm,
    unnest($reaches) as reach;

-- step: sample
create or replace temp table assign_sample as
with ranked as (
    select
        bucketed.token,
        bucketed.stratum_id,
        bucketed.u,
        strata.quota,
        strata.start_arm,
        row_number() over (partition by bucketed.stratum_id order by bucketed.u, bucketed.token) as rank_in_stratum
    from assign_bucketed as bucketed
    inner join assign_strata as strata on bucketed.stratum_id = strata.stratum_id
    where bucketed.is_in_pool and bucketed.u <= strata.reach
),

drawn as (
    select
        token,
        stratum_id,
        u,
        start_arm,
        left(sha256($arm_salt || '|' || token), 13) as arm_bucket
    from ranked
    where rank_in_stratum <= quota
),

dealt as (
    select
        token,
        stratum_id,
        u,
        start_arm + row_number() over (partition by stratum_id order by arm_bucket, token) - 1 as turn
    from drawn
),

final as (
    select token, stratum_id, u, list_extract($arms, turn % len($arms) + 1) as arm
    from dealt
)

select * from final;

-- step: assign
create or replace temp table audience_assigned as
with assigned as (
    select token, 'sample' as role, arm, stratum_id, u from assign_sample
    union all
    select token, if(is_holdout, 'holdout', 'rest') as role, null as arm, stratum_id, u
    from assign_bucketed
    where not exists (from assign_sample where assign_sample.token = assign_bucketed.token)
),

final as (
    select assigned.token, assigned.role, assigned.arm, strata.stratum, assigned.u
    from assigned
    inner join assign_strata as strata on assigned.stratum_id = strata.stratum_id
)

select * from final;

-- step: summarise
select role, arm, count(*) as people
from audience_assigned
group by role, arm
order by role, arm;

-- step: clean_up
drop table assign_bucketed; drop table assign_sample; drop table assign_strata;
