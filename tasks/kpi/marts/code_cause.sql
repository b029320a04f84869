-- temporary: one row per channel and receipt code that occurred; a code of the channel's own provider goes before `*`
with occurred as (
    select distinct channel, code from receipt_received where status = 'failed'
    union
    select distinct batch_state.channel, message_exception.code
    from message_exception
    inner join batch_state using (batch_id)
),

final as (
    select
        occurred.channel,
        occurred.code,
        coalesce(receipt_code.category, case when occurred.code <> '' then 'unlisted' end, 'ambiguous') as cause
    from occurred
    left join receipt_code on upper(receipt_code.code) = upper(occurred.code)
    qualify row_number() over (
        partition by occurred.channel, occurred.code
        order by receipt_code.provider = occurred.channel desc, receipt_code.provider = '*' desc, receipt_code.provider
    ) = 1
)

select * from final
