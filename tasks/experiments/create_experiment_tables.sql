-- What became of the experiments, appended and never changed. Grain: experiment_decision one row per plan and arm, each
-- with the whole record; experiment_harm one row per plan that an early look stopped; rollout_wave one row per wave that
-- was planned; rollout_check one row per look between two waves; rollout_end one row per roll-out that is over.
create table if not exists main.experiment_decision (
    plan_id varchar, variant varchar, verdict varchar, chosen varchar, sentence_zh varchar, sentence_en varchar,
    record varchar, decided_at timestamptz
);

create table if not exists main.experiment_harm (
    plan_id varchar not null, sentence_zh varchar not null, sentence_en varchar not null, record varchar not null,
    found_at timestamptz not null
);

create table if not exists main.rollout_wave (
    plan_id varchar not null, wave integer not null, waves integer not null, variant varchar not null,
    first_release integer not null, last_release integer not null, people bigint not null,
    opens_at timestamptz not null, expires_at timestamptz not null, planned_at timestamptz not null
);

create table if not exists main.rollout_check (
    plan_id varchar not null, wave integer not null, verdict varchar not null, sentence_zh varchar not null,
    sentence_en varchar not null, record varchar not null, checked_at timestamptz not null
);

create table if not exists main.rollout_end (
    plan_id varchar not null, outcome varchar not null, people bigint not null, sentence_zh varchar not null,
    sentence_en varchar not null, ended_at timestamptz not null
);
