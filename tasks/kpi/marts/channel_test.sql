-- one row per test and stage of a channel, or canary: the verdict as it was given
with final as (
    select
        test_id,
        channel,
        stage,
        verdict,
        messages,
        first_attempt,
        delivered,
        rate(first_attempt, messages) as first_attempt_rate,
        wilson_low(first_attempt, messages) as first_attempt_rate_low,
        wilson_high(first_attempt, messages) as first_attempt_rate_high,
        rate(delivered, messages) as delivery_rate,
        said_zh,
        said_en,
        decided_at,
        expires_at
    from channel_judged
)

select * from final
order by channel, decided_at, stage
