-- temporary: one row per planned message of a person who ever bought: what was bought around it, attributed or not
with bought as (
    select
        message.message_key,
        sum(case when paid_us >= window_from_us and paid_us < window_until_us then amount_cny end) as window_revenue_cny,
        -- yes or no four times in one number: 1 before, 2 in the 90 days after, 4 long before, 8 in the 90 days before
        bit_or(case
            when paid_us >= sent_us then if(paid_us < sent_us + 7776000000000, 2, 0)
            when paid_us >= sent_us - 7776000000000 then 9
            when paid_us < sent_us then 5
            else 0
        end) as times
    from touched_message as message
    inner join order_known as purchase using (person_no)
    group by message.message_key
),

final as (
    select
        message_key,
        window_revenue_cny::decimal(12, 2) as window_revenue_cny,
        times & 3 = 3 as has_repurchased,
        times & 12 = 12 as has_repurchased_before
    from bought
)

select * from final
