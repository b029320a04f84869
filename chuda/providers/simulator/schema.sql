-- The company's own record. Grain of `submission`: one request with at least one accepted message.
-- Not unique on anything the client says: a second acceptance must show up as a second row.
create table if not exists submission (
    submission_id  integer primary key,
    batch_id       text not null,
    accepted_at_us integer not null,
    message_count  integer not null,
    parts          integer not null,
    messages       text not null  -- JSON: [[message_id, phone, text, type, parts], …], the accepted ones only
) strict;

create index if not exists submission_by_batch on submission (batch_id);

-- Grain: one accepted message. A view, because one row on disk per request is what keeps acceptance fast.
create view if not exists accepted as
select
    message.value ->> 0 as message_id,
    submission.batch_id,
    message.value ->> 1 as phone,
    message.value ->> 2 as text,
    message.value ->> 3 as type,
    message.value ->> 4 as parts,
    submission.accepted_at_us,
    printf('S%08x%03x', submission.submission_id, message.key) as provider_message_id
from submission, json_each(submission.messages) as message;

-- Grain: one thing that happened to a message and that a client can read. `visible_at_us` is when the feed shows it
-- (a lost receipt: never), `happened_at_us` when it was so; `is_copy` marks a receipt shown twice.
create table if not exists event (
    kind           text not null,  -- receipt | reply | click | order
    visible_at_us  integer not null,
    event_id       integer not null,
    submission_id  integer not null,
    happened_at_us integer not null,
    is_copy        integer not null,
    item           text not null,  -- JSON as it is shown
    primary key (kind, visible_at_us, event_id)
) strict, without rowid;

-- Grain: one injected fault; `reference` is the batch or message it hit, as far as known.
create table if not exists fault (
    fault_id  integer primary key,
    at_us     integer not null,
    kind      text not null,
    reference text not null
) strict;

-- How far the fates of submissions have been turned into events.
create table if not exists progress (
    name  text primary key,
    value integer not null
) strict;
