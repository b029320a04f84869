-- temporary: one row per plan that counts; of a campaign occurrence those that were sealed, else only the newest
with sealed as (
    select plan_id, min(sent_at) as first_sent_at, max(sent_at) as last_sent_at
    from batch_state
    group by plan_id
),

known as (
    select
        plan_made.* exclude (price_cny),
        md5_number_lower(plan_id) as plan_no,  -- the same in every refresh; whole numbers are kept, not names
        price_cny::decimal(8, 4) as price_cny,
        sealed.plan_id is not null as is_sealed,
        sealed.first_sent_at,
        sealed.last_sent_at,
        (select max(paid_at) from order_clean) >= sealed.first_sent_at as is_orders_known
    from plan_made
    left join sealed using (plan_id)
),

final as (
    select *
    from known
    qualify is_sealed or (
        not bool_or(is_sealed) over (partition by campaign_id, occurrence)
        and row_number() over (partition by campaign_id, occurrence order by created_at desc, plan_id desc) = 1
    )
)

select * from final
