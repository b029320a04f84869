-- temporary: one row per message that had an effect: what came back of it, and when
with gathered as (
    select
        message_key, clicked_us, null::bigint as paid_us, null::decimal(12, 2) as amount_cny,
        null::bigint as opted_out_us, null::bigint as complained_us
    from click_link
    union all
    select message_key, null, paid_us, amount_cny, null, null
    from order_link
    inner join order_known using (order_no)
    union all
    select
        message_key, null, null, null, case when kind = 'opt_out' then epoch_us(happened_at) end,
        case when kind = 'complaint' then epoch_us(happened_at) end
    from reply_link
    inner join person_said using (said_no)
),

final as (
    select
        message_key,
        make_timestamptz(min(clicked_us)) as first_clicked_at,
        make_timestamptz(min(paid_us)) as first_ordered_at,
        make_timestamptz(max(paid_us)) as last_ordered_at,
        sum(amount_cny)::decimal(12, 2) as revenue_cny,
        make_timestamptz(min(opted_out_us)) as opted_out_at,
        make_timestamptz(min(complained_us)) as complained_at
    from gathered
    group by message_key
)

select * from final
