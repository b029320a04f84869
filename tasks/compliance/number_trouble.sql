-- Grain: one row per number that receipts say something against: `cannot_receive` (no such number, suspended) or
-- `frequency` (the carrier refused one within the cap's days). A delivery since then clears it; a code that sources
-- disagree about counts half, so it takes two.
create or replace temp table number_trouble_now as
with told as (
    select
        receipt.token,
        receipt.reported_at,
        receipt.status,
        code.category,
        if(code.confidence = 'low', 1, 2) as weight
    from receipt_received receipt
    left join receipt_code_now code on code.code = receipt.code
    where receipt.reported_at >= $since
),

cleared as (select token, max(reported_at) as at_last from told where status = 'delivered' group by token),

standing as (
    select told.*
    from told
    left join cleared on cleared.token = told.token
    where told.status = 'failed' and (cleared.at_last is null or told.reported_at > cleared.at_last)
),

weighed as (
    select
        token,
        sum(weight) filter (category in ('empty_number', 'suspended')) as dead_weight,
        bool_or(category = 'frequency' and reported_at >= $frequency_since) as is_frequent
    from standing
    group by token
),

final as (
    select token, if(dead_weight >= 2, 'cannot_receive', 'frequency') as trouble
    from weighed
    where dead_weight >= 2 or is_frequent
)

select * from final
