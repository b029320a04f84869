-- Grain: one row per message that can be released. Messages of one wave and opening are dealt into releases of at most
-- $release_size, and within a release into batches of at most $batch_size of which all have one batch key, in the order
-- of their tokens: that order is random (tokens are HMACs) and stable, so arms are mixed and a rebuilt plan is the same.
-- The batch key is what the provider wants the messages of a request to have in common.
create or replace table message_numbered as
with grouped as (
    select
        *,
        dense_rank() over (order by send_at, wave) as opening,
        row_number() over (partition by send_at, wave order by token) - 1 as place
    from message_staged
    where wave <> 'rollout'
),

dealt as (select *, place // $release_size as chunk, /* batch key */ '' as batch_key from grouped),

seated as (
    select *, row_number() over (partition by opening, chunk, batch_key order by token) - 1 as seat from dealt
),

batched as (
    select *, min(token) over (partition by opening, chunk, batch_key, seat // $batch_size) as first_token from seated
),

final as (
    select
        * exclude (opening, place, chunk, seat, batch_key, first_token),
        $first_number + dense_rank() over (order by opening, chunk) - 1 as release_number,
        chunk * $gap_seconds as delay_s,
        dense_rank() over (partition by opening, chunk order by first_token) - 1 as seq,
        seat % $batch_size as position
    from batched
)

select * from final
