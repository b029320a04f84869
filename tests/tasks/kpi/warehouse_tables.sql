-- The warehouse tables that the marts read, in exactly the shape agreed with their owner.
create table plan_made (
    plan_id varchar, plan_hash varchar, campaign_id varchar, campaign_name varchar, occurrence varchar,
    message_type varchar, trade varchar, channel varchar, click_tracking varchar, billing varchar,
    price_cny decimal(8, 4), experiment_variable varchar, primary_metric varchar, attribution_days int,
    audience_size int, planned int, excluded int, parts bigint, opens_at timestamptz, closes_at timestamptz,
    created_at timestamptz, registration varchar
);
create table plan_message (
    plan_id varchar, token varchar, wave varchar, variant varchar, segment varchar, province varchar, city varchar,
    carrier varchar, number_type varchar, template varchar, text varchar, units int, parts int, send_at timestamptz,
    batch_id varchar, position int
);
create table plan_exclusion (plan_id varchar, token varchar, reason varchar);
create table batch_state (
    batch_id varchar, plan_id varchar, release_id varchar, channel varchar, state varchar, size int,
    sent_at timestamptz, accepted_at timestamptz, attempts int, price_cny decimal(8, 4), billing varchar
);
create table answer_sent (
    plan_id varchar, campaign_id varchar, token varchar, channel varchar, batch_id varchar, position int, state varchar,
    sent_at timestamptz, parts decimal(8, 2), price_cny decimal(8, 4), billing varchar
);
create table message_exception (batch_id varchar, position int, state varchar, code varchar, "at" timestamptz);
create table receipt_received (
    receipt_id varchar, channel varchar, batch_id varchar, position int, token varchar, status varchar, code varchar,
    parts int, reported_at timestamptz, received_at timestamptz
);
create table reply_received (
    reply_id varchar, channel varchar, token varchar, text varchar, kind varchar, replied_at timestamptz
);
create table click_received (
    click_id varchar, channel varchar, batch_id varchar, position int, token varchar, link varchar,
    clicked_at timestamptz
);
create table link_click_received (link_click_id bigint, channel varchar, link varchar, clicked_at timestamptz);
create table variant_click (
    plan_id varchar, variant varchar, link varchar, clicks bigint, first_clicked_at timestamptz,
    last_clicked_at timestamptz
);
create table order_clean (
    order_id varchar, token varchar, paid_at timestamptz, amount decimal(12, 2), discount decimal(12, 2),
    product varchar, campaign varchar, import_id varchar
);
create table segment_member (segment varchar, token varchar, from_at timestamptz, to_at timestamptz);
create table contact_clean (token varchar, province varchar, carrier varchar, number_type varchar);
create table event_clean (
    event_id varchar, token varchar, kind varchar, "at" timestamptz, detail varchar, import_id varchar
);
create table suppression_recorded (token varchar, scope varchar, reason varchar, source varchar, "at" timestamptz);
create table experiment_decision (
    plan_id varchar, variant varchar, verdict varchar, chosen varchar, sentence_zh varchar, sentence_en varchar,
    record varchar, decided_at timestamptz
);
create table experiment_harm (
    plan_id varchar, sentence_zh varchar, sentence_en varchar, record varchar, found_at timestamptz
);
create table rollout_wave (
    plan_id varchar, wave integer, waves integer, variant varchar, first_release integer, last_release integer,
    people bigint, opens_at timestamptz, expires_at timestamptz, planned_at timestamptz
);
create table rollout_check (
    plan_id varchar, wave integer, verdict varchar, sentence_zh varchar, sentence_en varchar, record varchar,
    checked_at timestamptz
);
create table rollout_end (
    plan_id varchar, outcome varchar, people bigint, sentence_zh varchar, sentence_en varchar, ended_at timestamptz
);
create table alert_delivery (alert_id varchar, target varchar, outcome varchar, detail varchar, "at" timestamptz);
create table approval_missed (
    plan_id varchar, campaign_id varchar, event varchar, releases bigint, messages bigint, "at" timestamptz
);
create table provider_total (
    channel varchar not null, day date not null, parts bigint not null, delivered bigint, failed bigint,
    messages bigint, delivered_parts bigint, asked_at timestamptz not null, primary key (channel, day)
);
create table bill_line (
    channel varchar not null, day date not null, line integer not null, message_id varchar, token varchar,
    parts integer not null, fee_cny decimal(18, 4), source varchar not null
);
create table bill_difference (
    channel varchar not null, day date not null, message varchar not null, kind varchar not null,
    parts_ours integer not null, parts_billed integer not null, cny_ours decimal(18, 4), cny_billed decimal(18, 4)
);
create table channel_account (channel varchar primary key, account varchar not null);
create table channel_judged (
    test_id varchar not null, channel varchar not null, stage varchar not null, verdict varchar not null,
    messages bigint not null, first_attempt bigint, said_zh varchar not null, said_en varchar not null,
    decided_at timestamptz not null, expires_at timestamptz not null, delivered bigint
);
create table channel_alarm (
    kind varchar not null, severity varchar not null, campaign_id varchar, subject varchar not null, kpi varchar,
    value double, line double, value_low double, value_high double, events bigint, base bigint, p_value double,
    since_at timestamptz not null, advice_zh varchar not null, advice_en varchar not null
);
create table feedback_alarm (
    kind varchar not null, severity varchar not null, campaign_id varchar, subject varchar not null, kpi varchar,
    value double, line double, value_low double, value_high double, events bigint, base bigint, p_value double,
    since_at timestamptz not null, advice_zh varchar not null, advice_en varchar not null
);
create table complaint_recorded (
    complaint_id bigint, token varchar, channel varchar, source varchar, text varchar, complained_at timestamptz,
    done_at timestamptz, cause varchar, "action" varchar, closed_at timestamptz, closed_by varchar
);
