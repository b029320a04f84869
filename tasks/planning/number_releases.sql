-- Grain: one row per message that can be released. Messages of one wave and opening are dealt into releases of at most
-- $release_size, and within a release into batches of $batch_size, in the order of their tokens: that order is random
-- (tokens are HMACs) and stable, so arms are mixed and a rebuilt plan is the same.
create or replace table message_numbered as
with grouped as (
    select
        *,
        dense_rank() over (order by send_at, wave) as opening,
        row_number() over (partition by send_at, wave order by token) - 1 as place
    from message_staged
    where wave <> 'rollout'
),

dealt as (select *, place // $release_size as chunk, place % $release_size as seat from grouped),

final as (
    select
        * exclude (opening, place, chunk, seat),
        $first_number + dense_rank() over (order by opening, chunk) - 1 as release_number,
        chunk * $gap_seconds as delay_s,
        seat // $batch_size as seq,
        seat % $batch_size as position
    from dealt
)

select * from final
