"""A decided experiment in a small warehouse, with its ledger and marts: what a roll-out is carried on in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import text

from chuda.campaign.load import load_campaign
from chuda.clock import BUSINESS_ZONE, to_us
from chuda.records.channel import load_channel
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.releases import Release, SealedBatch, seal, state_counts
from tasks.experiments.advancing import advance, open_rollout
from tasks.experiments.decision import Decision
from tasks.experiments.record import ensure_tables, record_decision
from tasks.experiments.waves import Step

CAMPAIGNS = Path(__file__).parents[1] / "data" / "campaigns"
PLAN, SAMPLE, REST = "p1", 1200, 2000
FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=BUSINESS_ZONE)
DECIDED = FRIDAY + timedelta(hours=72)

_PLAN = """
INSERT INTO plan_made BY NAME SELECT $plan AS plan_id, 'hash' AS plan_hash, 'spring-call' AS campaign_id,
    'spring' AS campaign_name, 'once' AS occurrence, 'marketing' AS message_type, 'retail' AS trade, 'demo' AS channel,
    'per_message' AS click_tracking, 'submitted' AS billing, 0.055 AS price_cny, $variable AS experiment_variable,
    'clicked' AS primary_metric, 7 AS attribution_days, 3200 AS audience_size, 3200 AS planned, 0 AS excluded,
    3200 AS parts, $opens AS opens_at, $closes AS closes_at, $opens AS created_at, 480 AS window_start_minute,
    1260 AS window_end_minute, $campaign AS campaign, $channel AS channel_record, $registration AS registration,
    []::varchar[] AS seen_releases
"""
_MESSAGES = """
INSERT INTO plan_message BY NAME
SELECT $plan AS plan_id, md5(i::varchar) AS token, if(i < $sample, 'sample', 'rollout') AS wave,
    if(i < $sample, chr(65 + (i % 2)::int), NULL) AS variant, if(i < $sample, 1, NULL) AS release_number,
    if(i < $sample, $plan || '-1-' || (i // 100), NULL) AS batch_id, if(i < $sample, i % 100, NULL)::int AS position,
    if(i < $sample, $opens::timestamptz, NULL) AS send_at, 0 AS messages_before
FROM range($sample + $rest) AS series(i)
"""
_TEXTS = """
INSERT INTO plan_rollout_text
SELECT plan_id, token, v.arm, 'text of ' || v.arm, 20, 1 FROM plan_message, (VALUES ('A'), ('B')) AS v(arm)
WHERE plan_message.wave = 'rollout'
"""
_MARTS = """
CREATE TABLE message_fact (plan_id VARCHAR, campaign_id VARCHAR, token VARCHAR, wave VARCHAR, variant VARCHAR,
    state VARCHAR, is_accepted BOOLEAN, is_clicked BOOLEAN, sent_at TIMESTAMPTZ, cost_cny DOUBLE, revenue_cny DOUBLE,
    clicked_after_s BIGINT, ordered_after_s BIGINT, last_ordered_after_s BIGINT, opted_out_after_s BIGINT,
    complained_after_s BIGINT);
CREATE TABLE contact_event (plan_id VARCHAR, token VARCHAR, source VARCHAR, happened_at TIMESTAMPTZ, amount_cny DOUBLE);
CREATE TABLE mart_build (built_at TIMESTAMPTZ);
"""


@dataclass
class RolloutWorld:
    """`go` carries the roll-out on at a time; `send` is the sender, `report` the feedback and the marts."""

    warehouse: Any
    marts: Any
    ledger: Ledger

    @classmethod
    def of(cls, ledger: Ledger, decision: Decision, variable: str = "call_to_action") -> RolloutWorld:
        world = cls(duckdb.connect(), duckdb.connect(), ledger)
        for connection in (world.warehouse, world.marts):
            connection.execute("SET TimeZone = 'Asia/Shanghai'")
        world.marts.execute(_MARTS)
        ensure_tables(world.warehouse)
        channel = load_channel(CAMPAIGNS / "channels" / "demo.yaml").value
        world.warehouse.execute(_PLAN, {
            "plan": PLAN, "variable": variable, "opens": FRIDAY, "closes": FRIDAY + timedelta(hours=24),
            "campaign": load_campaign(CAMPAIGNS / "test_offer.yaml").value.canonical_json(),
            "channel": channel.model_dump_json(), "registration": decision.registration.model_dump_json(),
        })  # fmt: skip
        world.warehouse.execute(_MESSAGES, {"plan": PLAN, "sample": SAMPLE, "rest": REST, "opens": FRIDAY})
        world.warehouse.execute(_TEXTS)
        world.warehouse.execute("INSERT INTO plan_release VALUES (?, 1, 'sample', ?, ?, ?, ?)",
                                [PLAN, FRIDAY, FRIDAY + timedelta(hours=24), SAMPLE, SAMPLE])  # fmt: skip
        record_decision(world.warehouse, PLAN, decision, DECIDED)
        world.send(1, FRIDAY)
        return world

    def go(self, now: datetime) -> Step:
        """One stage, in a transaction of its own."""
        self.warehouse.execute("BEGIN")
        try:
            step = advance(open_rollout(self.warehouse, self.ledger, self.marts, PLAN, now))
        except BaseException:
            self.warehouse.execute("ROLLBACK")
            raise
        self.warehouse.execute("COMMIT")
        return step

    def send(self, number: int, now: datetime) -> None:
        """Seal a release and have all of it accepted."""
        rows = self.rows("SELECT batch_id, list(token ORDER BY position) FROM plan_message "
                         f"WHERE release_number = {number} GROUP BY batch_id ORDER BY batch_id")  # fmt: skip
        us = to_us(now)
        release = Release(
            release_id=f"{PLAN}-{number}", plan_id=PLAN, plan_hash="hash", campaign_id="spring-call",
            occurrence="once", message_type="marketing", channel="demo", channel_record="{}",
            size=sum(len(row[1]) for row in rows), parts=1, not_before_us=us, not_after_us=us + 10**11,
            window_start_minute=480, window_end_minute=1260, sealed_us=us,
        )  # fmt: skip
        batches = [SealedBatch(row[0], seq, tuple(row[1]), len(row[1]), b"sealed") for seq, row in enumerate(rows)]
        with self.ledger.write() as connection:
            seal(connection, release, batches, {})
            connection.execute(text("UPDATE batch SET state = 'accepted', attempts = 1 WHERE release_id = :id"),
                               {"id": release.release_id})  # fmt: skip
            connection.execute(
                text("INSERT INTO attempt (batch_id, number, release_id, owner, epoch, size, parts, intent_us, "
                     "outcome) SELECT batch_id, 1, release_id, 'x', 1, size, parts, :us, 'accepted' FROM batch "
                     "WHERE release_id = :id"), {"us": us, "id": release.release_id})  # fmt: skip

    def report(self, now: datetime, opted_out: int = 0, sent_at: datetime = DECIDED) -> None:
        """Everything planned so far was delivered; `opted_out` of the roll-out opted out."""
        rows = self.rows("SELECT token, wave, variant FROM plan_message WHERE variant IS NOT NULL ORDER BY wave, token")
        for table in ("message_fact", "mart_build"):
            self.marts.execute(f"DELETE FROM {table}")
        tokens, waves, variants = (list(column) for column in zip(*rows, strict=True))
        self.marts.execute(
            "INSERT INTO message_fact BY NAME SELECT $plan AS plan_id, 'spring-call' AS campaign_id, "
            "unnest($tokens) AS token, unnest($waves) AS wave, unnest($variants) AS variant, 'delivered' AS state, "
            "true AS is_accepted, false AS is_clicked, $sent AS sent_at, 0.055 AS cost_cny",
            {"plan": PLAN, "tokens": tokens, "waves": waves, "variants": variants, "sent": sent_at},
        )
        self.marts.execute(
            "UPDATE message_fact SET opted_out_after_s = 3600 WHERE token IN (SELECT token FROM message_fact "
            f"WHERE wave = 'rollout' ORDER BY token LIMIT {opted_out})"
        )
        self.marts.execute("INSERT INTO mart_build VALUES (?)", [now])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        return list(self.warehouse.execute(sql).fetchall())

    def states(self) -> dict[str, int]:
        """The plan's messages by state, as the ledger has them."""
        with self.ledger.read() as connection:
            return state_counts(connection, PLAN)
