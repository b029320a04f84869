-- What is known of channels. Grain: provider_total one row per channel and day, as last asked; bill_line one row per
-- message of a bill file (tokens, no numbers); bill_difference one row per message on which a bill and we do not agree;
-- channel_account one row per channel: whose figures and bills it shares; channel_judged one row per test and stage (or canary); channel_alarm one row per thing that is wrong now.
create table if not exists main.provider_total (
    channel varchar not null, day date not null, parts bigint not null, delivered bigint, failed bigint,
    messages bigint, delivered_parts bigint, asked_at timestamptz not null, primary key (channel, day)
);

create table if not exists main.bill_line (
    channel varchar not null, day date not null, line integer not null, message_id varchar, token varchar,
    parts integer not null, fee_cny decimal(18, 4), source varchar not null
);

create table if not exists main.bill_difference (
    channel varchar not null, day date not null, message varchar not null, kind varchar not null,
    parts_ours integer not null, parts_billed integer not null
);
alter table main.bill_difference add column if not exists cny_ours decimal(18, 4);
alter table main.bill_difference add column if not exists cny_billed decimal(18, 4);

create table if not exists main.channel_account (channel varchar primary key, account varchar not null);

create table if not exists main.channel_judged (
    test_id varchar not null, channel varchar not null, stage varchar not null, verdict varchar not null,
    messages bigint not null, first_attempt bigint, said_zh varchar not null, said_en varchar not null,
    decided_at timestamptz not null, expires_at timestamptz not null
);

alter table main.channel_judged add column if not exists delivered bigint;

create table if not exists main.channel_alarm (
    kind varchar not null, severity varchar not null, campaign_id varchar, subject varchar not null, kpi varchar,
    value double, line double, value_low double, value_high double, events bigint, base bigint, p_value double,
    since_at timestamptz not null, advice_zh varchar not null, advice_en varchar not null
);
