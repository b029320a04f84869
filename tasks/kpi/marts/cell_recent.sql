-- temporary: one row per channel, carrier and province with messages of the last 7 days: their delivery, that of the
-- four weeks before, and that of the channel's other cells in the same 7 days; what waits for a receipt is left out
with counted as (
    select
        channel,
        coalesce(carrier, 'unknown') as carrier,
        coalesce(province, 'unknown') as province,
        count(*) filter (is_recent) as known,
        count(*) filter (is_recent and is_delivered) as delivered,
        count(*) filter (not is_recent) as known_before,
        count(*) filter (not is_recent and is_delivered) as delivered_before,
        max(sent_at) as last_sent_at
    from (
        select *, sent_at >= days_after(getvariable('marts_now'), -7) as is_recent
        from message_fact
        where sent_at >= days_after(getvariable('marts_now'), -35)
            and (
                state in ('delivered', 'failed', 'unconfirmed')
                or (state = 'accepted' and days_after(sent_at, 3) <= getvariable('marts_now'))
            )
    )
    group by all
),

final as (
    select
        *,
        (sum(known) over (partition by channel))::bigint - known as known_elsewhere,
        (sum(delivered) over (partition by channel))::bigint - delivered as delivered_elsewhere
    from counted
)

select * from final
where known > 0
