-- one row per message on which a provider's bill and our ledger do not agree
with final as (
    select
        day,
        channel,
        message,
        kind,
        parts_ours,
        parts_billed,
        cny_ours as cost_ours_cny,
        cny_billed as cost_billed_cny
    from bill_difference
)

select * from final
order by day, channel, kind, message
