"""Making a plan out of a draft: messages dealt into releases and batches, counted, hashed, published once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import polars as pl

from chuda.campaign.model import Campaign
from chuda.records.channel import ChannelRecord
from expectations.gate import Gatekeeper
from expectations.suites.messages import MESSAGES
from tasks.channels.routing import Routing, choose_routing, keep_routes, keep_standby, number_by_channel
from tasks.content.parts import count_parts
from tasks.planning.briefing import Briefing
from tasks.planning.fingerprint import fingerprint_releases
from tasks.planning.offers import publish_offers
from tasks.planning.schedule import Opening, Timing, finish_times

_HERE = Path(__file__).parent
_DOMAIN = re.compile(r"\.[A-Za-z]{2,}")
_CREATE = (_HERE / "create_plan_tables.sql").read_text(encoding="utf-8")
_STAGE = (_HERE / "stage_messages.sql").read_text(encoding="utf-8")

# What was approved: every person with what they get, or may get in the roll-out, in an order of its own.
_DIGEST = """
WITH line AS (
    SELECT token, 1 AS kind, '' AS arm, concat_ws('|', token, wave, variant, text, parts, send_at, event_key) AS content
    FROM message_staged
    UNION ALL
    SELECT r.token, 2, r.variant, concat_ws('|', r.token, r.variant, r.text, r.parts) FROM message_rendered r
    JOIN message_staged m ON m.token = r.token WHERE m.wave = 'rollout'
    UNION ALL
    SELECT token, 3, '', concat_ws('|', token, reason) FROM audience_excluded
)
SELECT sha256(content) AS line FROM line ORDER BY token, kind, arm
"""
_LINES_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A published plan in numbers; cost in CNY under both billing modes."""

    plan_id: str
    plan_hash: str
    audience: int
    planned: int
    excluded: dict[str, int]
    parts: int
    releases: int
    opens_at: datetime
    cost: Decimal
    warnings: tuple[str, ...]


def stage_messages(connection: Any, briefing: Briefing, gate: Gatekeeper) -> None:
    """Build `message_staged` in the draft and pass the gate on it.

    Raises:
        GateFailed, GateBroken: nothing may be planned from this draft.
    """
    write_staged(connection, briefing)
    window = briefing.timing.window
    facts = {
        "max_units": briefing.context.max_units,
        "max_parts": count_parts("字" * briefing.context.max_units),
                "opt_out": briefing.channel.opt_out_wording if briefing.context.needs_opt_out else "",
        "window_start": window.start_minute,
        "window_end": window.end_minute,
    }  # fmt: skip
    gate.require(MESSAGES, briefing.campaign.id, facts)


def write_staged(connection: Any, briefing: Briefing) -> None:
    """Create `message_staged` from the draft's candidates, texts and assignment."""
    opened_by = _write_openings(connection, briefing.timing)
    experiment = briefing.campaign.experiment
    connection.execute(_STAGE, {"mode": experiment.mode if experiment else "none", "opened_by": opened_by})


def _write_openings(connection: Any, timing: Timing) -> Literal["all", "variant", "segment"]:
    """Create `opening_now` (name, opens_at, expires_at); returns whose names these are."""
    by_name: Mapping[Any, Opening] = timing.by_segment or timing.openings
    moment = pl.Datetime("us", "Asia/Shanghai")
    schema: dict[str, pl.DataType] = {"name": pl.String(), "opens_at": moment, "expires_at": moment}
    rows = [(name or "", opening.opens_at, opening.expires_at) for name, opening in by_name.items()]
    connection.register("openings", pl.DataFrame(rows, schema=schema, orient="row").to_arrow())
    connection.execute("CREATE OR REPLACE TABLE opening_now AS SELECT * FROM openings")
    connection.unregister("openings")
    if timing.by_segment:
        return "segment"
    return "all" if None in timing.openings else "variant"


def settle_timing(connection: Any, timing: Timing) -> Timing:
    """The timing with no message leaving after the event it speaks of: the earliest one ends them all."""
    row = connection.execute(
        "SELECT min(c.event_over_at) FROM audience_candidate c JOIN audience_eligible e ON e.token = c.token"
    ).fetchone()
    if row[0] is None:
        return timing
    openings = {name: replace(o, expires_at=min(o.expires_at, row[0])) for name, o in timing.openings.items()}
    by_segment = {name: replace(o, expires_at=min(o.expires_at, row[0])) for name, o in timing.by_segment.items()}
    return replace(timing, openings=openings, by_segment=by_segment)


def create_plan_tables(connection: Any) -> None:
    """Create the warehouse's tables of plans where they are missing."""
    connection.execute(_CREATE)


def publish_plan(connection: Any, briefing: Briefing, seen_releases: list[str], now: datetime) -> Plan:
    """Freeze the staged messages as a plan; the same draft gives the same plan, published once.

    Args:
        connection: a writing transaction of the draft.
        briefing: the campaign.
        seen_releases: releases whose messages were counted towards the weekly cap; sealing looks for newer ones.
        now: when.
    """
    create_plan_tables(connection)
    # What is published stays: unlike the draft it is packed.
    connection.execute("SET force_compression = 'auto'")
    plan_hash = _hash(briefing, _digest_messages(connection))
    plan_id = f"p{plan_hash[:11]}"
    if connection.execute("SELECT 1 FROM plan_made WHERE plan_id = ?", [plan_id]).fetchone() is None:
        number_by_channel(connection, routing_of(briefing), briefing.timing.window, first_number=1)
        _insert(connection, briefing, plan_id, plan_hash, seen_releases, now)
    return read_plan(connection, plan_id)


def _digest_messages(connection: Any) -> str:
    """SHA-256 over everybody's line; fetched in order, because DuckDB's sorted aggregates hold and sort everything."""
    digest = hashlib.sha256()
    for lines in connection.execute(_DIGEST).to_arrow_reader(_LINES_AT_ONCE):
        digest.update(pl.Series(lines.column(0)).str.join("").item().encode())
    return digest.hexdigest()


def routing_of(briefing: Briefing) -> Routing:
    """Which cells leave through which of the campaign's channels."""
    return choose_routing(briefing.channel, briefing.fallbacks, briefing.routes)


def _hash(briefing: Briefing, digest: str) -> str:
    window = briefing.timing.window
    parts = {
        "campaign": briefing.campaign.digest(),
        "channel": briefing.channel.identity(),
        "business": briefing.business.model_dump(mode="json"),
        "occurrence": briefing.occurrence,
        "openings": {
            str(k): [o.opens_at.isoformat(), o.expires_at.isoformat()]
            for k, o in (*briefing.timing.openings.items(), *sorted(briefing.timing.by_segment.items()))
        },
        "window": [window.start_minute, window.end_minute],
        "registration": briefing.registration.fingerprint() if briefing.registration else None,
        "messages": digest,
        **({"routing": routing_of(briefing).said()} if routing_of(briefing).moved else {}),
        **({"standby": [channel.identity() for channel in briefing.standby]} if briefing.standby else {}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _insert(
    connection: Any, briefing: Briefing, plan_id: str, plan_hash: str, seen_releases: list[str], now: datetime
) -> None:
    connection.execute(_INSERT_MESSAGES, {"plan": plan_id, "template": briefing.campaign.template.library or "own"})
    connection.execute(_INSERT_RELEASES, {"plan": plan_id})
    keep_routes(connection, plan_id)
    keep_standby(connection, plan_id, briefing.standby)
    fingerprint_releases(connection, plan_id)
    connection.execute(_INSERT_ROLLOUT, {"plan": plan_id, "template": briefing.campaign.template.library or "own"})
    connection.execute(_INSERT_ROLLOUT_TEXTS, {"plan": plan_id})
    connection.execute("INSERT INTO plan_exclusion SELECT ?, token, reason FROM audience_excluded", [plan_id])
    connection.execute(_INSERT_EVENTS, {"plan": plan_id})
    _insert_warnings(connection, briefing, plan_id)
    publish_offers(connection, plan_id, briefing.campaign, briefing.offers)
    campaign, channel, window = briefing.campaign, briefing.channel, briefing.timing.window
    row = {
        "plan": plan_id, "hash": plan_hash, "campaign_id": campaign.id, "campaign_name": campaign.name,
        "occurrence": briefing.occurrence, "message_type": campaign.type, "trade": campaign.trade,
        "channel": channel.name, "click_tracking": tracking_of(campaign, channel), "billing": channel.billing,
        "price": channel.price_cny_per_part,
        "variable": campaign.experiment.variable if campaign.experiment else None,
        "metric": briefing.registration.primary_metric if briefing.registration else None,
        "attribution_days": campaign.attribution_days,
        "opens_at": briefing.timing.first_opening,
        "closes_at": briefing.timing.last_expiry,
        "now": now, "window_start": window.start_minute, "window_end": window.end_minute,
        "campaign": campaign.canonical_json(), "channel_record": channel.model_dump_json(),
        "registration": briefing.registration.model_dump_json() if briefing.registration else None,
        "seen": seen_releases,
    }  # fmt: skip
    connection.execute(_INSERT_PLAN, row)
    connection.execute(
        "INSERT INTO plan_source VALUES (?, ?, ?, ?)",
        [plan_id, str(briefing.campaign_file), str(briefing.business_file), briefing.business.model_dump_json()],
    )


def tracking_of(campaign: Campaign, channel: ChannelRecord) -> str:
    """How clicks are tracked: not at all where the text has no link, so that nobody is blamed for not opening it."""
    written = [campaign.template, *([campaign.experiment] if campaign.experiment else [])]
    has_link = campaign.template.library or any(_DOMAIN.search(each.model_dump_json()) for each in written)
    return channel.click_tracking if has_link else "none"


def _insert_warnings(connection: Any, briefing: Briefing, plan_id: str) -> None:
    warnings = [*briefing.timing.warnings, *_late(connection, briefing, plan_id)]
    if warnings:
        connection.executemany(
            "INSERT INTO plan_warning VALUES (?, ?, ?)",
            [(plan_id, number, said) for number, said in enumerate(warnings, start=1)],
        )


def _late(connection: Any, briefing: Briefing, plan_id: str) -> Iterator[str]:
    """What a person has to know where the channel is too slow for the window."""
    rows = connection.execute(
        "SELECT opens_at, expires_at, parts, size FROM plan_release WHERE plan_id = ? AND wave <> 'rollout' "
        "ORDER BY opens_at, number",
        [plan_id],
    ).fetchall()
    rate = briefing.channel.rate_parts_per_second
    done = finish_times([(row[0], row[2]) for row in rows], rate, briefing.timing.window)
    if done and done[-1].date() != briefing.timing.first_opening.date():
        yield (
            f"按渠道速率当天时间窗内发不完，最后一条约 {done[-1]:%Y-%m-%d %H:%M} / cannot finish inside the window "
            f"of its day at the channel's rate; the last message leaves about {done[-1]:%Y-%m-%d %H:%M}"
        )
    late = sum(row[3] for row, moment in zip(rows, done, strict=True) if moment > row[1])
    if late:
        yield (
            f"有 {late:,} 条所在的批次来不及在过期前发完，未发出的会作废 / releases of {late:,} messages cannot be "
            "done before they expire; what has not left by then is void: use a faster channel or fewer people"
        )


_INSERT_MESSAGES = """
INSERT INTO plan_message
SELECT $plan, token, wave, variant, segment, province, city, carrier, number_type, $template, text, units, parts,
       send_at, release_number, $plan || '-' || release_number || '-' || seq, position,
       messages_before
FROM message_numbered
"""
_INSERT_ROLLOUT = """
INSERT INTO plan_message
SELECT $plan, token, wave, NULL, segment, province, city, carrier, number_type, $template, NULL, NULL, NULL, NULL, NULL,
       NULL, NULL, messages_before
FROM message_staged WHERE wave = 'rollout'
"""
_INSERT_ROLLOUT_TEXTS = """
INSERT INTO plan_rollout_text
SELECT $plan, r.token, r.variant, r.text, r.units, r.parts FROM message_rendered r
JOIN message_staged m ON m.token = r.token WHERE m.wave = 'rollout'
"""
_INSERT_EVENTS = """
INSERT INTO plan_event SELECT $plan, token, event_key FROM message_staged WHERE event_key IS NOT NULL
"""
_INSERT_RELEASES = """
INSERT INTO plan_release
SELECT $plan, release_number, any_value(wave), min(send_at), min(expires_at), count(*), sum(parts)
FROM message_numbered GROUP BY release_number
"""
# Parts of the roll-out are those of the dearest variant: what it may cost at most.
_INSERT_PLAN = """
INSERT INTO plan_made
SELECT $plan, $hash, $campaign_id, $campaign_name, $occurrence, $message_type, $trade, $channel, $click_tracking,
       $billing, $price, $variable, $metric, $attribution_days,
       (SELECT count(*) FROM audience_candidate), (SELECT count(*) FROM message_staged),
       (SELECT count(*) FROM audience_excluded),
       (SELECT coalesce(sum(parts), 0) FROM message_staged WHERE wave <> 'rollout')
       + (SELECT coalesce(sum(parts), 0) FROM
          (SELECT max(parts) AS parts FROM plan_rollout_text WHERE plan_id = $plan GROUP BY token)),
       $opens_at, $closes_at, $now, $window_start, $window_end, $campaign, $channel_record, $registration, $seen
"""


def read_plan(connection: Any, plan_id: str) -> Plan:
    """A published plan in numbers."""
    row = connection.execute(
        "SELECT plan_hash, audience_size, planned, parts, opens_at, parts * price_cny FROM plan_made WHERE plan_id = ?",
        [plan_id],
    ).fetchone()
    reasons = connection.execute(
        "SELECT reason, count(*) FROM plan_exclusion WHERE plan_id = ? GROUP BY reason ORDER BY 2 DESC, 1", [plan_id]
    ).fetchall()
    releases = connection.execute("SELECT count(*) FROM plan_release WHERE plan_id = ?", [plan_id]).fetchone()[0]
    warnings = connection.execute(
        "SELECT warning FROM plan_warning WHERE plan_id = ? ORDER BY number", [plan_id]
    ).fetchall()
    return Plan(
        plan_id=plan_id, plan_hash=row[0], audience=row[1], planned=row[2], excluded=dict(reasons), parts=row[3],
        releases=releases, opens_at=row[4], cost=row[5].quantize(Decimal("0.01")),
        warnings=tuple(said for (said,) in warnings),
    )  # fmt: skip
