-- The frozen plans. Grain: plan_made one row per plan; plan_message one per person who gets something, or may in the
-- roll-out; plan_rollout_text one per person of the roll-out and variant; plan_exclusion one per person left out;
-- plan_release one per release that can be approved and sent.
create table if not exists main.plan_made (
    plan_id varchar primary key, plan_hash varchar not null, campaign_id varchar not null, campaign_name varchar not null,
    occurrence varchar not null, message_type varchar not null, trade varchar not null, channel varchar not null,
    click_tracking varchar not null, billing varchar not null, price_cny decimal(8, 4) not null,
    experiment_variable varchar, primary_metric varchar, attribution_days integer not null,
    audience_size bigint not null, planned bigint not null, excluded bigint not null, parts bigint not null,
    opens_at timestamptz not null, closes_at timestamptz not null, created_at timestamptz not null,
    window_start_minute integer not null, window_end_minute integer not null,
    campaign varchar not null, channel_record varchar not null, registration varchar, seen_releases varchar[] not null
);

create table if not exists main.plan_message (
    plan_id varchar not null, token varchar not null, wave varchar not null, variant varchar, segment varchar,
    province varchar, city varchar, carrier varchar, number_type varchar, template varchar, text varchar,
    units integer, parts integer, send_at timestamptz, release_number integer, batch_id varchar, position integer,
    messages_before integer not null
);

create table if not exists main.plan_rollout_text (
    plan_id varchar not null, token varchar not null, variant varchar not null, text varchar not null,
    units integer not null, parts integer not null
);

create table if not exists main.plan_exclusion (plan_id varchar not null, token varchar not null, reason varchar not null);

-- What a person should know before approving: zh / en.
create table if not exists main.plan_warning (plan_id varchar not null, number integer not null, warning varchar not null);

-- Recurring campaigns: which event of which person a message answers.
create table if not exists main.plan_event (plan_id varchar not null, token varchar not null, event_key varchar not null);

create table if not exists main.plan_release (
    plan_id varchar not null, number integer not null, wave varchar not null, opens_at timestamptz not null,
    expires_at timestamptz not null, size bigint not null, parts bigint not null
);

-- Releases that leave through another channel than their plan's own. Grain: plan and release.
create table if not exists main.plan_route (
    plan_id varchar not null, number integer not null, channel varchar not null, channel_record varchar not null
);

-- Channels that may take over what the plan's own has not sent when it stops while sending. Grain: plan and rank.
create table if not exists main.plan_standby (
    plan_id varchar not null, rank integer not null, channel varchar not null, channel_record varchar not null
);

-- What the messages of each release were when the plan was published (tasks/planning/fingerprint.py).
create table if not exists main.plan_fingerprint (
    plan_id varchar not null, number integer not null, messages bigint not null, fingerprint varchar not null
);

-- Plans whose slot came without an approval. Grain: plan and event (waiting, expired); at is when the slot opened, or ended.
create table if not exists main.approval_missed (
    plan_id varchar not null, campaign_id varchar not null, event varchar not null, releases bigint not null,
    messages bigint not null, "at" timestamptz not null
);

-- The files a plan was made from, and what the business record said. Grain: plan.
create table if not exists main.plan_source (
    plan_id varchar primary key, campaign_file varchar not null, business_file varchar not null, business varchar not null
);
