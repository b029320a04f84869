-- Grain: one row per person of the rest, with the wave (1, 2, …) of the roll-out. The bucket of the wave salt falls
-- between two cut points, so a wave is a random part of the rest and stays the same when it is worked out again.
create or replace temp table audience_waves as
with bucketed as (
    select token, ('0x' || left(sha256($wave_salt || '|' || token), 13))::ubigint / 4503599627370496::double as u
    from audience_assigned
    where role = 'rest'
),

final as (
    select token, 1 + len(list_filter($cut_points, lambda cut: cut <= u)) as wave
    from bucketed
)

select * from final;
