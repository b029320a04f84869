-- Grain: one row per message that can be released. Messages of one wave and opening are dealt into releases of at most
-- $release_size, and within a release into batches of at most $batch_size of which all have one batch key, in the order
-- of their tokens: that order is random (tokens are HMACs) and stable, so arms are mixed and a rebuilt plan is the same.
-- The batch key is what the provider wants the messages of a request to have in common. release_time says when each opens.
-- Only what says their order is sorted; the rest of a message is fetched by its row when its place is known.
create or replace temp table message_numbered as
with placed as (
    select
        rowid as row_id,
        token,
        send_at,
        wave,
        /* batch key */ '' as batch_key,
        row_number() over (partition by send_at, wave order by token) - 1 as place
    from message_staged
    where wave <> 'rollout'
),

numbered as (
    select *, $first_number + row_number() over (order by send_at, wave, chunk) - 1 as release_number from release_time
),

dealt as (
    select
        placed.row_id,
        placed.token,
        placed.batch_key,
        placed.place,
        numbered.opens_at,
        numbered.expires_at,
        numbered.release_number
    from placed
    inner join numbered
        on numbered.send_at = placed.send_at
        and numbered.wave = placed.wave
        and numbered.chunk = placed.place // $release_size
),

seated as (
    select * exclude (place), /* seat */ row_number() over (partition by release_number, batch_key order by token) - 1 as seat
    from dealt
),

tray as (
    select release_number, batch_key, seat // $batch_size as tray, min(token) as first_token from seated group by all
),

batch as (select *, row_number() over (partition by release_number order by first_token) - 1 as seq from tray),

final as (
    select
        message.* exclude (send_at, expires_at),
        seated.opens_at as send_at,
        seated.expires_at,
        seated.release_number,
        batch.seq,
        seated.seat % $batch_size as position
    from seated
    inner join batch
        on batch.release_number = seated.release_number
        and batch.batch_key = seated.batch_key
        and batch.tray = seated.seat // $batch_size
    inner join message_staged message on message.rowid = seated.row_id
)

select * from final
