-- What the stage fills before it merges: temporary, gone with the connection, no phone number in them.
-- Each has the columns of a cleaned frame with tokens for phones, and the constants of the import.
create or replace temp table contact_incoming (
    token varchar not null,
    phone_region varchar not null,
    carrier varchar,
    number_type varchar not null,
    province varchar,
    phone_city varchar,
    name varchar,
    surname varchar,
    gender varchar,
    city varchar,
    birthday date,
    due_date date,
    child_birthday date,
    language varchar,
    points bigint,
    points_expire_on date,
    tags varchar[],
    consent varchar not null,
    consent_source varchar,
    consent_at timestamptz,
    consent_purpose varchar,
    source_id varchar,
    source_row uinteger not null,
    source_file varchar not null,
    import_id varchar not null,
    states_consent boolean not null,
    -- Of somebody who came several times the latest consent_at of all rows; else empty.
    newest_at timestamptz
);
create or replace temp table alternate_incoming (
    token varchar not null,
    alternate_token varchar not null
);
create or replace temp table order_incoming (
    order_id varchar not null,
    token varchar,
    source_id varchar,
    paid_at timestamptz not null,
    amount decimal(12, 2) not null,
    discount decimal(12, 2),
    product varchar,
    campaign varchar,
    source_row uinteger not null,
    import_id varchar not null
);
create or replace temp table event_incoming (
    event_id varchar not null,
    token varchar,
    source_id varchar,
    kind varchar not null,
    "at" timestamptz not null,
    detail varchar,
    source_row uinteger not null,
    import_id varchar not null
);
