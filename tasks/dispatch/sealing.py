"""Sealing: a release of a plan becomes batches that a worker can send with the ledger and the key alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from chuda.clock import to_us
from chuda.errors import UsageError
from chuda.keys import Keys
from chuda.message_types import rules_of
from chuda.sealing import seal_messages
from chuda.short_links import link_pattern
from chuda.stores.ledger import Connection
from chuda.stores.ledger.coupons import KeywordOffer, open_offer
from chuda.stores.ledger.events import claim_events
from chuda.stores.ledger.releases import (
    Release,
    SealedBatch,
    marketing_releases_between,
    origin_of,
    reserved_tokens,
    seal,
)
from chuda.stores.ledger.short_links import KeptLink, held_codes, keep_links
from chuda.stores.ledger.suppression import remember_alternates
from chuda.stores.vault import Vault
from tasks.compliance.rules import CAP_DAYS, WEEKLY_CAP

LINK_TAKEN = "link_taken"
_WEEK_US = CAP_DAYS * 24 * 3600 * 1_000_000
_RELEASE = """
SELECT p.plan_hash, p.campaign_id, p.occurrence, p.message_type, coalesce(x.channel, p.channel),
       coalesce(x.channel_record, p.channel_record), p.window_start_minute,
       p.window_end_minute, r.size, r.parts, r.opens_at, r.expires_at,
       CASE WHEN x.channel IS NULL THEN
           (SELECT list(s.channel_record ORDER BY s.rank) FROM plan_standby s WHERE s.plan_id = r.plan_id) END
FROM plan_release r JOIN plan_made p ON p.plan_id = r.plan_id
LEFT JOIN plan_route x ON x.plan_id = r.plan_id AND x.number = r.number WHERE r.plan_id = ? AND r.number = ?
"""
_MESSAGES = """
SELECT token, text, parts, batch_id, position, messages_before FROM plan_message
WHERE plan_id = ? AND release_number = ? ORDER BY token
"""
_ALTERNATES = """
SELECT a.token, a.alternate_token FROM contact_alternate a JOIN plan_message m ON m.token = a.token
WHERE m.plan_id = ? AND m.release_number = ? ORDER BY ALL
"""

_EVENTS = """
SELECT e.token, e.event_key FROM plan_event e JOIN plan_message m ON m.plan_id = e.plan_id AND m.token = e.token
WHERE m.plan_id = ? AND m.release_number = ?
"""


@dataclass(frozen=True, slots=True)
class ShortLinks:
    """Where the own links of a release's texts begin, and the address behind all of them."""

    base: str
    target: str


@dataclass(frozen=True, slots=True)
class PlannedRelease:
    """A release as the plan has it: its row for the ledger, its messages, and what its cap was counted from.

    `alternates` are the further numbers of its people as (person, number), both tokens; `events`, of a recurring
    campaign, which event of each person it answers, by token; `offers` what is promised to those who reply with a
    keyword, with the codes of its pool; `links`, if its texts hold own short links.
    """

    release: Release
    messages: pl.DataFrame
    seen_releases: frozenset[str]
    weekly_cap: int
    alternates: tuple[tuple[str, str], ...] = ()
    events: Mapping[str, str] = field(default_factory=dict)
    offers: tuple[tuple[KeywordOffer, tuple[str, ...]], ...] = ()
    links: ShortLinks | None = None


def read_release_row(connection: Any, plan_id: str, number: int, now_us: int) -> Release:
    """A release of a published plan without its messages.

    Raises:
        UsageError: there is no such plan or release.
    """
    row = connection.execute(_RELEASE, [plan_id, number]).fetchone()
    if row is None:
        raise UsageError(f"plan {plan_id} has no release {number}; `chuda calendar` lists plans")
    return Release(
        release_id=f"{plan_id}-{number}", plan_id=plan_id, plan_hash=row[0], campaign_id=row[1], occurrence=row[2],
        message_type=row[3], channel=row[4], channel_record=row[5], size=row[8], parts=row[9],
        not_before_us=to_us(row[10]), not_after_us=to_us(row[11]), window_start_minute=row[6],
        window_end_minute=row[7], sealed_us=now_us, standby=json.dumps(row[12] or [], ensure_ascii=False),
    )  # fmt: skip


def read_release(connection: Any, plan_id: str, number: int, now_us: int) -> PlannedRelease:
    """A release of a published plan with its messages.

    Raises:
        UsageError: there is no such plan or release.
    """
    release = read_release_row(connection, plan_id, number, now_us)
    seen, campaign = connection.execute(
        "SELECT seen_releases, campaign FROM plan_made WHERE plan_id = ?", [plan_id]
    ).fetchone()
    messages = connection.execute(_MESSAGES, [plan_id, number]).pl()
    alternates = tuple(connection.execute(_ALTERNATES, [plan_id, number]).fetchall())
    made = json.loads(campaign)
    weekly_cap = min(WEEKLY_CAP, made.get("weekly_cap", WEEKLY_CAP))
    events = dict(connection.execute(_EVENTS, [plan_id, number]).fetchall())
    offers = _read_offers(connection, release)
    links = _read_links(release, made)
    return PlannedRelease(release, messages, frozenset(seen), weekly_cap, alternates, events, offers, links)


def _read_links(release: Release, made: Mapping[str, Any]) -> ShortLinks | None:
    base = json.loads(release.channel_record).get("short_links")
    target = (made.get("template") or {}).get("link")
    return ShortLinks(base, target) if base and target else None


def _read_offers(connection: Any, release: Release) -> tuple[tuple[KeywordOffer, tuple[str, ...]], ...]:
    if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'plan_offer'").fetchone():
        return ()
    rows = connection.execute(
        "SELECT keyword, text, codes, days FROM plan_offer WHERE plan_id = ? ORDER BY keyword", [release.plan_id]
    ).fetchall()
    plan, campaign, day_us = release.plan_id, release.campaign_id, 24 * 3600 * 1_000_000
    return tuple(
        (KeywordOffer(plan, campaign, keyword, text, bool(codes), release.not_after_us + days * day_us), tuple(codes))
        for keyword, text, codes, days in rows
    )


def seal_release(connection: Connection, planned: PlannedRelease, vault: Vault, keys: Keys) -> bool:
    """Seal a release into the ledger, once; returns whether it was sealed now.

    The weekly cap is looked at again in the same transaction: messages of releases sealed since the plan was made
    count. Whoever would get one too many, or was erased meanwhile, is recorded as suppressed.

    Raises:
        Refused: another plan holds this occurrence.
    """
    phones = vault.read(planned.messages["token"])
    people = planned.messages.join(phones, on="token", how="left", maintain_order="left")
    erased = people.filter(pl.col("phone").is_null())["token"]
    lost = dict.fromkeys(_over_cap(connection, planned), "weekly_cap") | dict.fromkeys(erased, "erased")
    lost |= dict.fromkeys(_answered(connection, planned, lost), "event_done")
    links = _codes(planned)
    lost |= dict.fromkeys(_with_held_code(connection, links), LINK_TAKEN)
    remember_alternates(connection, planned.alternates)
    for offer, codes in planned.offers:
        open_offer(connection, offer, codes)
    is_new = seal(connection, planned.release, list(_batches(people.fill_null(""), keys)), lost)
    if is_new and planned.links:
        kept = links.filter(~pl.col("token").is_in(list(lost)))
        rows = [KeptLink(*row) for row in kept.select("code", "batch_id", "position").iter_rows()]
        keep_links(connection, planned.release.channel, planned.links.target, rows)
    return is_new


def _codes(planned: PlannedRelease) -> pl.DataFrame:
    """The code of every text that holds an own link: code, token, batch_id, position."""
    found = pl.lit(None, pl.String) if planned.links is None else pl.col("text").str.extract(
        link_pattern(planned.links.base), 1
    )  # fmt: skip
    rows = planned.messages.select("token", "batch_id", "position", code=found)
    return rows.filter(pl.col("code").is_not_null())


def _with_held_code(connection: Connection, codes: pl.DataFrame) -> list[str]:
    """Whose code belongs to a message of another plan: their link would lead there. It takes thousands of millions."""
    held = held_codes(connection, codes["code"].to_list())
    return [
        row["token"]
        for row in codes.filter(pl.col("code").is_in(list(held))).iter_rows(named=True)
        if held[row["code"]] != (row["batch_id"], row["position"])
    ]


def _batches(people: pl.DataFrame, keys: Keys) -> Iterator[SealedBatch]:
    in_order = people.sort("position", maintain_order=True)
    for seq, members in enumerate(in_order.partition_by("batch_id", maintain_order=True)):
        batch_id = str(members["batch_id"][0])
        sealed = seal_messages(keys, batch_id, members["phone"].to_list(), members["text"].to_list())
        yield SealedBatch(batch_id, seq, tuple(members["token"]), int(members["parts"].sum()), sealed)


def _answered(connection: Connection, planned: PlannedRelease, lost: Mapping[str, str]) -> set[str]:
    """Whose event another plan of this campaign answered; whoever is lost anyway may be caught up another night."""
    events = {token: key for token, key in planned.events.items() if token not in lost}
    release = planned.release
    return claim_events(connection, release.campaign_id, release.plan_id, events, release.sealed_us)


def _over_cap(connection: Connection, planned: PlannedRelease) -> set[str]:
    release = planned.release
    if not rules_of(release.message_type).capped:
        return set()
    around = marketing_releases_between(
        connection, release.not_before_us - _WEEK_US, release.not_after_us + _WEEK_US, own_plan=release.plan_id
    )
    seen = {origin_of(release_id) for release_id in planned.seen_releases}  # what moved to another channel was seen
    newer: Counter[str] = reserved_tokens(connection, {one for one in around if origin_of(one) not in seen})
    if not newer:
        return set()
    before = dict(planned.messages.select("token", "messages_before").iter_rows())
    return {t for t, count in newer.items() if t in before and before[t] + count + 1 > planned.weekly_cap}
