-- Grain: one row per contact. Tags on the four axes and the life stage, as of $today; `segments` has one bit for each
-- segment the contact is in ({segments} is filled from the definitions, see refresh.py).
-- Quintiles are cut points over the people with orders (cheap), not ntile (slow); a score of 5 is best.
create or replace table contact_tagged as
with ordered as (
    select
        token,
        date_diff('day', max(paid_at)::date, $today) as recency_days,
        min(paid_at)::date as first_paid_on,
        count(*) as order_count,
        sum(amount) as total_spent,
        sum(coalesce(discount, 0)) / nullif(sum(amount + coalesce(discount, 0)), 0) as discount_share
    from order_clean
    where token is not null and paid_at::date <= $today
    group by token
),

cut as (
    select
        quantile_cont(recency_days, [0.2, 0.4, 0.6, 0.8]) as recency,
        quantile_cont(order_count, [0.2, 0.4, 0.6, 0.8]) as orders,
        quantile_cont(total_spent::double, [0.2, 0.4, 0.6, 0.8]) as spent
    from ordered
),

final as (
    select
        c.token,
        o.recency_days,
        coalesce(o.order_count, 0) as order_count,
        coalesce(o.total_spent, 0)::decimal(12, 2) as total_spent,
        (o.total_spent / o.order_count)::decimal(12, 2) as average_amount,
        5 - list_sum(list_transform(cut.recency, lambda x: (o.recency_days > x)::integer)) as r_score,
        1 + list_sum(list_transform(cut.orders, lambda x: (o.order_count > x)::integer)) as f_score,
        1 + list_sum(list_transform(cut.spent, lambda x: (o.total_spent > x)::integer)) as m_score,
        case
            when o.token is null then 'none'
            when o.total_spent > cut.spent[4] then 'high'
            when o.total_spent > cut.spent[2] then 'middle'
            else 'low'
        end as spending,
        case
            when o.token is null then 'none'
            when o.order_count = 1 then 'once'
            when o.order_count >= 12 then 'frequent'
            when o.order_count >= 5 then 'regular'
            else 'occasional'
        end as frequency,
        case
            when o.token is null then 'prospect'
            when o.recency_days > 365 then 'lost'
            when o.recency_days > 180 then 'sleeping'
            when o.first_paid_on > $today - interval 90 day then 'new'
            else 'active'
        end as lifecycle,
        case
            when o.token is null then 'unknown'
            when o.discount_share >= 0.15 then 'high'
            when o.discount_share >= 0.05 then 'middle'
            else 'low'
        end as price_sensitivity,
        o.discount_share,
        c.province,
        coalesce(c.city, c.phone_city) as city,
        case when c.phone_region <> 'CN' then 'hmt' else coalesce(t.tier, 'other') end as region_tier,
        c.carrier,
        c.number_type,
        c.phone_region,
        c.gender,
        c.language,
        case
            when coalesce(c.child_birthday, c.due_date) > $today
                then if(coalesce(c.child_birthday, c.due_date) <= $today + interval 300 day, 'pregnant', 'none')
            when coalesce(c.child_birthday, c.due_date) > $today - interval 1 year then 'age_0_1'
            when coalesce(c.child_birthday, c.due_date) > $today - interval 3 year then 'age_1_3'
            when coalesce(c.child_birthday, c.due_date) > $today - interval 6 year then 'age_3_6'
            else 'none'
        end as life_stage,
        c.points,
        date_diff('day', $today, c.points_expire_on) as points_expire_in_days,
        -- The next time a yearly date comes round; 29 February falls on 28 February in other years.
        date_diff(
            'day', $today,
            if(
                (c.birthday + to_years((year($today) - year(c.birthday))::integer))::date >= $today,
                (c.birthday + to_years((year($today) - year(c.birthday))::integer))::date,
                (c.birthday + to_years((year($today) - year(c.birthday) + 1)::integer))::date
            )
        ) as birthday_in_days,
        c.tags
    from contact_clean c
    left join ordered o on o.token = c.token
    left join city_tier t on t.city = regexp_replace(coalesce(c.city, c.phone_city), '市$', '')
    cross join cut
)

select *, {segments} as segments from final
