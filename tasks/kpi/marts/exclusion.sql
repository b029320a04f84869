-- one row per campaign and reason for which people of its audience got no message planned
with audience as (
    select campaign_id, sum(audience_size)::bigint as audience_size
    from plan_in_force
    group by campaign_id
),

counted as (
    select plan.campaign_id, plan_exclusion.reason, count(*) as excluded
    from plan_exclusion
    inner join plan_in_force as plan using (plan_id)
    group by plan.campaign_id, plan_exclusion.reason
),

final as (
    select
        counted.campaign_id,
        counted.reason,
        counted.excluded,
        audience.audience_size,
        rate(counted.excluded, audience.audience_size) as share_of_audience
    from counted
    inner join audience using (campaign_id)
)

select * from final
order by campaign_id, excluded desc, reason
