-- Grain: one row per message that can be released. Messages of one wave and opening are dealt into releases of at most
-- $release_size, and within a release into batches of $batch_size, in the order of their tokens: that order is random
-- (tokens are HMACs) and stable, so arms are mixed and a rebuilt plan is the same. release_time says when each opens.
create or replace temp table message_numbered as
with grouped as (
    select *, row_number() over (partition by send_at, wave order by token) - 1 as place
    from message_staged
    where wave <> 'rollout'
),

dealt as (select *, place // $release_size as chunk, place % $release_size as seat from grouped),

numbered as (
    select *, $first_number + row_number() over (order by send_at, wave, chunk) - 1 as release_number from release_time
),

final as (
    select
        dealt.* exclude (place, chunk, seat, send_at, expires_at),
        numbered.opens_at as send_at,
        numbered.expires_at,
        numbered.release_number,
        seat // $batch_size as seq,
        seat % $batch_size as position
    from dealt
    inner join numbered
        on numbered.send_at = dealt.send_at and numbered.wave = dealt.wave and numbered.chunk = dealt.chunk
)

select * from final
