"""Probes: messages to test phones as a plan like every other, through the same gate, approval, ledger and sender.

A probe's message type is `test` (outside the caps, never to anybody but test phones); its occurrence names the type it
tests, as which it leaves. Its campaign id is its own, so that what was sent once is not sent again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from chuda.campaign.model import Campaign
from chuda.errors import Refused, UsageError
from chuda.message_types import rules_of
from chuda.records.business import BusinessRecord
from chuda.records.channel import ChannelRecord, MessageType
from chuda.settings import Settings
from chuda.stores.ledger.channels import TestPhone
from chuda.windows import DailyWindow
from expectations.gate import Gatekeeper
from expectations.suites.messages import MESSAGES
from tasks.contacts.merging import create_contact_tables
from tasks.content.checks import check_text
from tasks.content.context import ContentContext, load_content_reference
from tasks.content.parts import count_parts, count_units
from tasks.planning.fingerprint import fingerprint_releases
from tasks.planning.plan import create_plan_tables

EXPIRES_AFTER = timedelta(hours=2)
_PUBLISH = (Path(__file__).parent / "publish_probe.sql").read_text(encoding="utf-8").split(";\n")


@dataclass(frozen=True, slots=True)
class Probe:
    """One text to some test phones through one channel; `name` is unique, `kind` is proof or a stage of the test."""

    kind: str
    name: str
    title: str
    tested_type: MessageType
    channel: ChannelRecord
    text: str
    opens_at: datetime


def probe_window(channel: ChannelRecord, business: BusinessRecord) -> DailyWindow:
    """When test messages may leave: the provider's hours and the account's own.

    Raises:
        UsageError: they have no minute in common.
    """
    return rules_of("test").window.intersect(channel.window).intersect(business.working_hours)


def check_probe_text(probe: Probe, business: BusinessRecord, settings: Settings, now: datetime) -> int:
    """The longest units the text may have; it is checked as a message of the type it tests.

    Raises:
        Refused: every blocking finding.
    """
    units = max(67, count_units(probe.text))
    context = ContentContext(
        reference=load_content_reference(settings.reference),
        signatures=tuple(sorted(business.allowed_signatures & frozenset(probe.channel.signatures))),
        message_type=probe.tested_type,
        authorisations=frozenset(a.trade for a in business.authorisations if now.date() <= a.expires_on),
        opt_out_wording=probe.channel.opt_out_wording,
        links=probe.channel.links,
        filed_links=tuple(probe.channel.filed_links),
        max_units=units,
    )
    blocking = [finding for finding in check_text(probe.text, context) if finding.severity == "block"]
    if blocking:
        said = "; ".join(f"{f.rule}「{f.excerpt}」{f.message('zh')} / {f.message('en')}" for f in blocking)
        raise Refused(f"{probe.name}: 测试文案未通过内容检查 / the test text fails the content checks: {said}")
    return units


def publish_probe(
    connection: Any, probe: Probe, phones: Sequence[TestPhone], business: BusinessRecord, settings: Settings,
    gate: Gatekeeper, now: datetime,
) -> str:  # fmt: skip
    """Freeze a probe as a plan and return its id; the same probe gives the same plan, published once.

    Raises:
        UsageError: no test phone is on record.
        Refused: the text fails a check.
        GateFailed, GateBroken: nothing was published.
    """
    if not phones:
        raise UsageError("no test phone is on record; `chuda testphone add NUMBER… --agreed DATE`")
    max_units = check_probe_text(probe, business, settings, now)
    window = probe_window(probe.channel, business)
    _stage(connection, probe, phones)
    facts = {
        "max_units": max_units, "max_parts": count_parts("字" * max_units),
        "opt_out": probe.channel.opt_out_wording if rules_of(probe.tested_type).needs_opt_out else "",
        "window_start": window.start_minute, "window_end": window.end_minute,
    }  # fmt: skip
    gate.require(MESSAGES, probe.name, facts)
    create_plan_tables(connection)
    create_contact_tables(connection)  # sealing looks up alternates; a workspace may test before it imports anybody
    values = _values(probe, phones, window, max_units, now)
    if connection.execute("SELECT 1 FROM plan_made WHERE plan_id = ?", [values["plan"]]).fetchone() is None:
        for statement in _PUBLISH:
            used = {name: value for name, value in values.items() if f"${name}" in statement}
            if used:
                connection.execute(statement, used)
        fingerprint_releases(connection, str(values["plan"]))
    return str(values["plan"])


def _stage(connection: Any, probe: Probe, phones: Sequence[TestPhone]) -> None:
    frame = pl.DataFrame(
        [(phone.token, phone.province, phone.carrier, phone.number_type) for phone in phones],
        schema=dict.fromkeys(("token", "province", "carrier", "number_type"), pl.String), orient="row",
    ).with_columns(
        wave=pl.lit("all"), phone_region=pl.lit("CN"), text=pl.lit(probe.text), units=pl.lit(count_units(probe.text)),
        parts=pl.lit(count_parts(probe.text)), send_at=pl.lit(probe.opens_at),
    )  # fmt: skip
    connection.register("incoming", frame.to_arrow())
    connection.execute("CREATE OR REPLACE TEMP TABLE message_staged AS SELECT * FROM incoming")
    connection.execute("CREATE OR REPLACE TEMP TABLE audience_excluded (token VARCHAR, reason VARCHAR)")
    connection.unregister("incoming")


def _values(
    probe: Probe, phones: Sequence[TestPhone], window: DailyWindow, max_units: int, now: datetime
) -> dict[str, object]:
    campaign = _campaign(probe, max_units)
    expires_at = min(probe.opens_at + EXPIRES_AFTER, window.closing(probe.opens_at))
    said = [campaign.canonical_json(), probe.channel.identity(), probe.opens_at.isoformat(),
            expires_at.isoformat(), sorted(phone.token for phone in phones)]  # fmt: skip
    plan_hash = hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()
    return {
        "plan": f"p{plan_hash[:11]}", "hash": plan_hash, "kind": probe.kind, "campaign_id": campaign.id,
        "name": probe.title, "tested_type": probe.tested_type, "channel": probe.channel.name,
        "click_tracking": "none", "billing": probe.channel.billing, "price": probe.channel.price_cny_per_part,
        "batch_size": probe.channel.batch_size, "expires_at": expires_at, "now": now,
        "window_start": window.start_minute, "window_end": window.end_minute, "campaign": campaign.canonical_json(),
        "channel_record": probe.channel.model_dump_json(),
    }  # fmt: skip


def _campaign(probe: Probe, max_units: int) -> Campaign:
    """What a person would have written for it: a probe is a campaign."""
    sections = {} if probe.tested_type == "otp" else {
        "audience": {"segments": ["test_phones"]}, "schedule": {"date": "auto"},
    }  # fmt: skip
    return Campaign.model_validate(
        {"id": probe.name, "name": probe.title, "type": probe.tested_type, "trade": "other", "sender": "business.yaml",
         "channels": [probe.channel.name], "template": {"text": probe.text, "max_units": max_units}, **sections}
    )  # fmt: skip
