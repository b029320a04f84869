-- Grain: one row per message that can be released. Messages of one wave and opening are dealt into releases of at most
-- $release_size, and within a release into batches of at most $batch_size of which all have one batch key, in the order
-- of their tokens: that order is random (tokens are HMACs) and stable, so arms are mixed and a rebuilt plan is the same.
-- The batch key is what the provider wants the messages of a request to have in common. release_time says when each opens.
create or replace temp table message_numbered as
with grouped as (
    select *, row_number() over (partition by send_at, wave order by token) - 1 as place
    from message_staged
    where wave <> 'rollout'
),

numbered as (
    select *, $first_number + row_number() over (order by send_at, wave, chunk) - 1 as release_number from release_time
),

dealt as (
    select
        grouped.* exclude (place, send_at, expires_at),
        numbered.opens_at as send_at,
        numbered.expires_at,
        numbered.release_number,
        /* batch key */ '' as batch_key
    from grouped
    inner join numbered
        on numbered.send_at = grouped.send_at
        and numbered.wave = grouped.wave
        and numbered.chunk = grouped.place // $release_size
),

seated as (select *, row_number() over (partition by release_number, batch_key order by token) - 1 as seat from dealt),

batched as (
    select *, min(token) over (partition by release_number, batch_key, seat // $batch_size) as first_token from seated
),

final as (
    select
        * exclude (seat, batch_key, first_token),
        dense_rank() over (partition by release_number order by first_token) - 1 as seq,
        seat % $batch_size as position
    from batched
)

select * from final
