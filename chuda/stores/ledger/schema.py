"""The tables of the ledger: what was suppressed, approved, sealed, tried, answered.

Grains: `batch` one row per provider request to make, `attempt` one row per request made, `message_exception` one row
per message whose state differs from its batch's, `receipt` / `reply` / `click` one row per event a provider told.
Times are microseconds since 1970 UTC (`*_us`). The same definitions serve SQLite and PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

SCHEMA_VERSION = "3"

metadata = MetaData()
_Id = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable)


def _integer(name: str, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


meta = Table("meta", metadata, Column("key", Text, primary_key=True), _text("value"))

clock = Table("clock", metadata, Column("name", Text, primary_key=True), _integer("anchor_us"), _integer("value_us"))

suppression = Table(
    "suppression",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("token"),
    _text("scope"),  # 'marketing' or 'all'
    _text("reason"),  # opt_out, complaint, blacklist, manual, do_not_contact, consent_withdrawn, erased
    _text("source"),
    _integer("at_us"),
    _integer("recorded_us"),
    Index("suppression_by_token", "token"),
)

# Further numbers of a person: what stops one of them stops the person.
alternate = Table(
    "alternate",
    metadata,
    _text("token"),
    _text("alternate_token"),
    PrimaryKeyConstraint("token", "alternate_token"),
    Index("alternate_by_alternate", "alternate_token"),
)

occurrence = Table(
    "occurrence",
    metadata,
    _text("campaign_id"),
    _text("occurrence"),
    _text("plan_id"),
    _text("plan_hash"),
    _integer("claimed_us"),
    PrimaryKeyConstraint("campaign_id", "occurrence"),
)

event_claim = Table(
    "event_claim",
    metadata,
    _text("campaign_id"),
    _text("token"),
    _text("event_key"),  # which appointment, which year's birthday …: 32 hex digits
    _text("plan_id"),
    _integer("claimed_us"),
    PrimaryKeyConstraint("campaign_id", "token", "event_key"),
)

plan_source = Table(
    "plan_source",
    metadata,
    Column("plan_id", Text, primary_key=True),
    _text("campaign_file"),
    _text("campaign"),  # JSON, as it was when the plan was made
    _text("business_file"),
    _text("business"),  # JSON
)

standing_approval = Table(
    "standing_approval",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("campaign_id"),
    _text("digest"),  # of the campaign, its channel and its business: another text is not covered
    _text("first_day"),
    _text("last_day"),
    _integer("max_messages"),  # per occurrence
    _integer("max_parts"),
    _text("approved_by"),
    _text("method"),
    _integer("approved_us"),
    Index("standing_approval_by_campaign", "campaign_id"),
)

approval = Table(
    "approval",
    metadata,
    Column("release_id", Text, primary_key=True),
    _text("plan_hash"),
    _text("release_digest"),  # of the release's row: endpoint, window, size …
    _text("approved_by"),
    _text("method"),  # 'totp', 'recovery' or 'simulator'
    _integer("approved_us"),
    _integer("expires_us"),
)

approval_event = Table(
    "approval_event",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("plan_id"),
    _text("release_id"),
    _text("event"),  # approved, refused, voided, expired
    _text("by"),
    _text("detail"),
    _integer("at_us"),
    Index("approval_event_by_plan", "plan_id"),
)

approver = Table(
    "approver",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secret", LargeBinary, nullable=False),  # sealed with the workspace's key
    _integer("enrolled_us"),
    _integer("last_step"),  # the last 30-second step whose code was used: none is taken twice
    _integer("wrong_codes"),  # in a row
    _integer("blocked_until_us"),  # real time, as codes are
)

recovery_code = Table(
    "recovery_code",
    metadata,
    _text("approver"),
    _text("digest"),
    _integer("used_us", nullable=True),
    PrimaryKeyConstraint("approver", "digest"),
)

release = Table(
    "release",
    metadata,
    Column("release_id", Text, primary_key=True),
    _text("plan_id"),
    _text("plan_hash"),
    _text("campaign_id"),
    _text("occurrence"),
    _text("message_type"),
    _text("channel"),
    _text("channel_record"),  # the frozen record as JSON: a worker needs the ledger and the key, nothing else
    _integer("size"),
    _integer("parts"),
    _integer("not_before_us"),
    _integer("not_after_us"),
    _integer("window_start_minute"),  # lawful minutes of the day, [start, end)
    _integer("window_end_minute"),
    _integer("sealed_us"),
    _text("standby"),  # JSON: records of the channels that may take over what is not sent, in order
    Index("release_by_plan", "plan_id"),
    Index("release_by_time", "not_after_us"),
)

control = Table(
    "control",
    metadata,
    Column("plan_id", Text, primary_key=True),
    _text("state"),  # 'running', 'paused', 'cancelled'
    _text("reason"),
    _text("by"),
    _integer("at_us"),
)

batch = Table(
    "batch",
    metadata,
    Column("batch_id", Text, primary_key=True),
    _text("release_id"),
    _text("plan_id"),
    _integer("seq"),
    _integer("size"),
    _integer("parts"),
    _text("tokens"),  # 32 hex characters per member, in order of position
    Column("sealed", LargeBinary, nullable=True),  # phones and texts; purged when the batch is closed
    _text("state"),
    _integer("attempts"),
    _integer("ready_us"),
    Index("batch_by_plan", "plan_id"),
    Index(
        "batch_open",
        "release_id",
        "seq",
        sqlite_where=text("state IN ('planned', 'not_sent')"),
        postgresql_where=text("state IN ('planned', 'not_sent')"),
    ),
)

attempt = Table(
    "attempt",
    metadata,
    _text("batch_id"),
    _integer("number"),
    _text("release_id"),
    _text("owner"),
    _integer("epoch"),
    _integer("size"),
    _integer("parts"),
    _integer("intent_us"),
    _text("outcome", nullable=True),  # NULL while in flight; accepted, rejected, not_sent, unknown
    _integer("outcome_us", nullable=True),
    _text("code", nullable=True),
    PrimaryKeyConstraint("batch_id", "number"),
    Index("attempt_by_release", "release_id", "intent_us"),
)

message_exception = Table(
    "message_exception",
    metadata,
    _text("batch_id"),
    _integer("position"),
    _text("state"),
    _text("code"),
    _integer("at_us"),
    PrimaryKeyConstraint("batch_id", "position"),
)

receipt = Table(
    "receipt",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("batch_id"),
    _integer("position"),
    _text("token"),
    _text("status"),  # 'delivered' or 'failed'
    _text("code"),
    _integer("parts"),
    _integer("reported_us"),
    _integer("received_us"),
    Index("receipt_by_message", "batch_id", "position"),
)

reply = Table(
    "reply",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("token"),
    _text("text"),  # numbers in it masked
    _text("kind"),  # opt_out, complaint, keyword:<word>, other
    _integer("replied_us"),
    _integer("received_us"),
    Index("reply_by_token", "token"),
)

click = Table(
    "click",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("batch_id"),
    _integer("position"),
    _text("token"),
    _text("link"),
    _integer("clicked_us"),
    _integer("received_us"),
    Index("click_by_token", "token"),
)

# Own short links: one row per sealed message that holds one. Nothing in it says whose message it is.
link_target = Table(
    "link_target",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("url"),
    Index("link_target_once", "channel", "url", unique=True),
)

short_link = Table(
    "short_link",
    metadata,
    Column("code", Text, primary_key=True),
    _text("batch_id"),
    _integer("position"),
    _integer("target_id"),
    sqlite_with_rowid=False,
)

# Looks at own short links that were no person's, each with the reason; whose message it was says its batch.
link_look = Table(
    "link_look",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("batch_id"),
    _integer("position"),
    _text("reason"),
    _text("agent"),
    _integer("looked_us"),
)

# Clicks on a link that everybody of a variant has: a log that names no person. `line` tells lines apart that say the
# same, so that a log that is read again counts once.
link_click = Table(
    "link_click",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("link"),
    _text("line"),
    _integer("clicked_us"),
    _integer("received_us"),
    Index("link_click_once", "channel", "link", "clicked_us", "line", unique=True),
)

# What was handed over, before anything is made of it: a pull that forgets what it told, and a push that is answered
# only once the event is durable, both rest on this table. Items are tokenised, texts masked; purged when done.
feed_page = Table(
    "feed_page",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("feed"),  # 'receipts', 'replies' or 'clicks'
    _text("fingerprint", nullable=True),  # of a pushed body: the same one twice is one page; NULL for what was pulled
    _text("items", nullable=True),
    _integer("size"),
    _integer("tries"),
    _integer("received_us"),
    _integer("processed_us", nullable=True),
    Index("feed_page_once", "channel", "feed", "fingerprint", unique=True),
    Index(
        "feed_page_waiting",
        "id",
        sqlite_where=text("processed_us IS NULL"),
        postgresql_where=text("processed_us IS NULL"),
    ),
)

feed_reject = Table(
    "feed_reject",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("feed"),
    _text("reason"),
    _text("shown"),  # what stood there, numbers masked
    _integer("received_us"),
    _integer("settled_us", nullable=True),
    _text("settled_by", nullable=True),
)

scanner_click = Table(
    "scanner_click",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("batch_id"),
    _integer("position"),
    _text("token"),
    _text("agent"),
    _integer("clicked_us"),
)

complaint = Table(
    "complaint",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("token"),
    _text("shown"),  # 138****0001
    _text("channel"),  # empty if it came another way
    _text("source"),  # 'reply' or how else it came: hotline, provider, regulator …
    _text("text"),  # numbers in it masked
    _integer("complained_us"),
    _integer("received_us"),
    _integer("deadline_us"),  # the opt-out is complete by then
    _integer("done_us", nullable=True),  # when the person was suppressed
    _text("cause", nullable=True),
    _text("action", nullable=True),
    _integer("closed_us", nullable=True),
    _text("closed_by", nullable=True),
    Index("complaint_by_token", "token"),
)

reply_read = Table(
    "reply_read",
    metadata,
    Column("reply_id", BigInteger, primary_key=True),
    _text("by"),
    _integer("at_us"),
)

keyword_offer = Table(
    "keyword_offer",
    metadata,
    _text("plan_id"),
    _text("campaign_id"),
    _text("keyword"),
    _text("text"),  # the answer; {coupon} stands for the code
    _integer("has_coupons"),
    _integer("until_us"),
    PrimaryKeyConstraint("plan_id", "keyword"),
)

coupon = Table(
    "coupon",
    metadata,
    _text("campaign_id"),
    _text("keyword"),
    _text("code"),
    _text("token", nullable=True),  # whom it was given to
    PrimaryKeyConstraint("campaign_id", "keyword", "code"),
    Index("coupon_once", "campaign_id", "keyword", "token", unique=True),
)

answer = Table(
    "answer",
    metadata,
    _text("campaign_id"),
    _text("keyword"),
    _text("token"),
    _text("plan_id"),
    _text("release_id"),  # of the message that was replied to
    _text("text"),  # the answer as it is sent
    _text("state"),  # 'waiting', 'sealed' or 'dropped'
    _integer("asked_us"),
    PrimaryKeyConstraint("campaign_id", "keyword", "token"),  # one per person, once
)

feed_cursor = Table(
    "feed_cursor",
    metadata,
    _text("channel"),
    _text("feed"),
    _text("value"),
    _integer("at_us"),
    PrimaryKeyConstraint("channel", "feed"),
)

throttle = Table(
    "throttle",
    metadata,
    Column("name", Text, primary_key=True),  # <account>:second, <account>:minute
    _integer("tat_us"),
    _integer("percent"),  # of the rate, as it stood at changed_us; it grows back from there
    _integer("changed_us"),
)

day_quota = Table(
    "day_quota",
    metadata,
    _text("account"),
    _text("day"),
    _integer("parts"),
    PrimaryKeyConstraint("account", "day"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    _text("owner"),
    _text("host"),
    _integer("pid"),
    _integer("epoch"),
    _integer("expires_us"),
)

test_phone = Table(
    "test_phone",
    metadata,
    Column("token", Text, primary_key=True),
    _text("shown"),  # 138****0001; the number is in the vault
    _text("carrier"),
    _text("number_type"),
    _text("province"),
    _text("agreed_on"),
    _text("note"),
    _integer("added_us"),
)

channel_step = Table(
    "channel_step",
    metadata,
    _text("test_id"),  # <channel>-<number>
    _text("stage"),  # basic, stress, scenario
    _integer("round"),
    _integer("number"),
    _text("tested_type"),
    _text("channel"),
    Column("plan_id", Text, primary_key=True),
    _integer("due_us"),
    _integer("judge_us"),
    _text("state"),  # open, done
)

channel_verdict = Table(
    "channel_verdict",
    metadata,
    _text("test_id"),
    _text("channel"),
    _text("stage"),
    _text("verdict"),  # passed, failed, pending
    _integer("messages"),
    _text("evidence"),  # JSON
    _integer("decided_us"),
    _integer("expires_us"),
    PrimaryKeyConstraint("test_id", "stage"),
)

channel_route = Table(
    "channel_route",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    _text("channel"),
    _text("carrier"),
    _text("province"),
    _text("reason"),
    _text("evidence"),  # JSON
    _integer("since_us"),
    _integer("ended_us", nullable=True),
)

receipt_attempt = Table(
    "receipt_attempt",
    metadata,
    _text("batch_id"),
    _integer("position"),
    _integer("attempts"),  # as the provider tells; more than one is a resend
    PrimaryKeyConstraint("batch_id", "position"),
)

# One row per transactional message, in a ledger file of their own; `sealed` is kept until the outcome is certain.
notice = Table(
    "notice",
    metadata,
    Column("notice_id", Text, primary_key=True),
    _text("token"),
    _text("channel"),
    _text("message_type"),
    _text("template"),
    _integer("parts"),
    _text("state"),  # intent, accepted, rejected, not_sent, unknown, unconfirmed
    _text("code"),
    Column("sealed", LargeBinary, nullable=True),
    _integer("intent_us"),
    _integer("outcome_us", nullable=True),
    Index("notice_by_person", "token", "message_type", "intent_us"),
    Index(
        "notice_open",
        "channel",
        "intent_us",
        sqlite_where=text("state IN ('intent', 'unknown')"),
        postgresql_where=text("state IN ('intent', 'unknown')"),
    ),
)
