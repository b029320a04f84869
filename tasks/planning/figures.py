"""A published plan in figures: what the summary says in words, and what `--json` gives to machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from chuda.campaign.model import Campaign
from chuda.errors import UsageError
from chuda.phones import mask_phones
from chuda.records.channel import ChannelRecord
from chuda.windows import DailyWindow
from tasks.experiments.feasibility import BaseRates, Feasibility, assess_feasibility
from tasks.experiments.registration import Registration
from tasks.planning.schedule import finish_time

# What is expected where the business has no history of its own: the middle of the usual lines (domain: KPIs).
EXPECTED_RATES = BaseRates(clicked=0.25, converted=0.05)
EXPECTED_DELIVERY = Decimal("0.98")


@dataclass(frozen=True, slots=True)
class PlannedText:
    """What one variant sends: how many people, how long the texts are, and one text as somebody would get it.

    `units` are shortest and longest in characters as providers count them. In `sample` the longest text stands, with
    phone numbers masked and full names cut to the surname.
    """

    variant: str | None
    people: int
    units: tuple[int, int]
    parts: int
    sample: str


@dataclass(frozen=True, slots=True)
class PlannedRelease:
    """One release: it is approved and sent as a whole; `done_at` at the channel's rate, after those before it."""

    release_id: str
    wave: str
    size: int
    parts: int
    opens_at: datetime
    expires_at: datetime
    done_at: datetime


@dataclass(frozen=True, slots=True)
class Cost:
    """CNY: what it costs at most under the channel's mode, and under each mode what is to be expected.

    Billed by `submitted`, every part is charged; billed by `delivered`, those that arrive (98% expected).
    """

    billing: str
    price_cny: Decimal
    at_most_cny: Decimal
    submitted_cny: Decimal
    delivered_cny: Decimal


@dataclass(frozen=True, slots=True)
class PlanFigures:
    """Everything a person decides by; times in Asia/Shanghai, money in CNY, no phone number anywhere."""

    plan_id: str
    plan_hash: str
    campaign_id: str
    campaign_name: str
    occurrence: str
    message_type: str
    channel: str
    is_simulator: bool
    asked_for: int
    planned: int
    excluded: int
    reasons: dict[str, int]
    by_segment: dict[str, int]
    by_variant: dict[str, int]
    waiting_for_rollout: int
    parts: int
    by_parts: dict[int, int]
    cost: Cost
    window: str
    opens_at: datetime
    done_at: datetime
    releases: tuple[PlannedRelease, ...]
    texts: tuple[PlannedText, ...]
    warnings: tuple[str, ...]
    feasibility: Feasibility | None
    link_target: str | None = None  # where the messages' own short links lead
    standby: tuple[str, ...] = ()  # the channels that take over, in order, when the channel stops while sending

    def to_json(self) -> dict[str, Any]:
        """The same as plain values; what JSON does not know (times, money) is text."""
        values = asdict(self)
        values["feasibility"] = self.feasibility.model_dump(mode="json") if self.feasibility else None
        plain: dict[str, Any] = json.loads(json.dumps(values, default=_as_text, ensure_ascii=False))
        return plain


def _as_text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def read_figures(connection: Any, plan_id: str) -> PlanFigures:
    """A plan as it was published.

    Raises:
        UsageError: there is no such plan.
    """
    plan = read_plan_row(connection, plan_id)
    channel = ChannelRecord.model_validate_json(plan["channel_record"])
    window = DailyWindow(plan["window_start_minute"], plan["window_end_minute"])
    releases = _read_releases(connection, plan_id, channel.rate_parts_per_second, window)
    return PlanFigures(
        plan_id=plan_id, plan_hash=plan["plan_hash"], campaign_id=plan["campaign_id"],
        campaign_name=plan["campaign_name"], occurrence=plan["occurrence"], message_type=plan["message_type"],
        channel=plan["channel"], is_simulator=channel.simulator, asked_for=plan["audience_size"],
        planned=plan["planned"], excluded=plan["excluded"],
        reasons=_counts(connection, _REASONS, plan_id), by_segment=_counts(connection, _SEGMENTS, plan_id),
        by_variant=_counts(connection, _VARIANTS, plan_id),
        waiting_for_rollout=connection.execute(_WAITING, {"plan": plan_id}).fetchone()[0],
        parts=plan["parts"], by_parts=_counts(connection, _BY_PARTS, plan_id), cost=_cost(plan), window=str(window),
        opens_at=plan["opens_at"], done_at=max((one.done_at for one in releases), default=plan["opens_at"]),
        releases=releases, texts=_read_texts(connection, plan_id), warnings=_read_warnings(connection, plan_id),
        feasibility=_feasibility(plan), link_target=_link_target(plan, channel),
        standby=tuple(name for (name,) in connection.execute(_STANDBY, {"plan": plan_id}).fetchall()),
    )  # fmt: skip


_STANDBY = "SELECT channel FROM plan_standby WHERE plan_id = $plan ORDER BY rank"


def _link_target(plan: Mapping[str, Any], channel: ChannelRecord) -> str | None:
    template = json.loads(plan["campaign"]).get("template") or {}
    return template.get("link") if channel.short_links else None


def read_plan_row(connection: Any, plan_id: str) -> dict[str, Any]:
    """The row of a plan by column name.

    Raises:
        UsageError: there is no such plan.
    """
    cursor = (
        connection.execute("SELECT * FROM plan_made WHERE plan_id = ?", [plan_id]) if has_plans(connection) else None
    )
    row = cursor.fetchone() if cursor else None
    if cursor is None or row is None:
        raise UsageError(f"没有计划 {plan_id} / there is no plan {plan_id}; `chuda calendar` lists plans")
    return dict(zip([column[0] for column in cursor.description], row, strict=True))


def has_plans(connection: Any) -> bool:
    """Whether this warehouse has ever planned anything."""
    return has_table(connection, "plan_made")


def has_table(connection: Any, name: str) -> bool:
    """Whether the warehouse has a table of this name."""
    found = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'main' AND table_name = ?", [name]
    ).fetchone()
    return found is not None


_REASONS = "SELECT reason, count(*) FROM plan_exclusion WHERE plan_id = $plan GROUP BY 1 ORDER BY 2 DESC, 1"
_SEGMENTS = """
SELECT coalesce(segment, 'all'), count(*) FROM plan_message WHERE plan_id = $plan GROUP BY 1 ORDER BY 2 DESC, 1
"""
_VARIANTS = """
SELECT variant, count(*) FROM plan_message WHERE plan_id = $plan AND variant IS NOT NULL GROUP BY 1 ORDER BY 1
"""
_WAITING = "SELECT count(*) FROM plan_message WHERE plan_id = $plan AND wave = 'rollout' AND text IS NULL"
_BY_PARTS = """
SELECT parts, count(*) FROM plan_message WHERE plan_id = $plan AND parts IS NOT NULL GROUP BY 1 ORDER BY 1
"""
_RELEASES = """
SELECT plan_id || '-' || number, wave, size, parts, opens_at, expires_at FROM plan_release WHERE plan_id = $plan
ORDER BY opens_at, number
"""


def masked_text(text: str) -> str:
    """SQL: a text of the contact `c` with the full name in it cut to its first character."""
    return (
        f"if(length(c.name) > 1, replace({text}, c.name, left(c.name, 1) || repeat('*', length(c.name) - 1)), {text})"
    )


# The longest text shows what a text can come to.
_TEXTS = f"""
WITH ranked AS (
    SELECT m.variant, m.units, m.parts, {masked_text("m.text")} AS text,
           row_number() OVER (PARTITION BY m.variant ORDER BY m.units DESC, m.token) AS rank
    FROM plan_message m LEFT JOIN contact_clean c ON c.token = m.token
    WHERE m.plan_id = $plan AND m.text IS NOT NULL
)
SELECT variant, count(*), min(units), max(units), sum(parts), any_value(text) FILTER (rank = 1)
FROM ranked GROUP BY variant ORDER BY variant
"""


def _counts(connection: Any, query: str, plan_id: str) -> dict[Any, int]:
    return dict(connection.execute(query, {"plan": plan_id}).fetchall())


def _read_releases(
    connection: Any, plan_id: str, parts_per_second: float, window: DailyWindow
) -> tuple[PlannedRelease, ...]:
    releases: list[PlannedRelease] = []
    rows = connection.execute(_RELEASES, {"plan": plan_id}).fetchall()
    for release_id, wave, size, parts, opens_at, expires_at in rows:
        starts_at = max([opens_at, *(one.done_at for one in releases[-1:])])
        done_at = finish_time(starts_at, parts, parts_per_second, window)
        releases.append(PlannedRelease(release_id, wave, size, parts, opens_at, expires_at, done_at))
    return tuple(releases)


def _read_texts(connection: Any, plan_id: str) -> tuple[PlannedText, ...]:
    rows = connection.execute(_TEXTS, {"plan": plan_id}).fetchall()
    return tuple(
        PlannedText(variant, people, (shortest, longest), parts, mask_phones(text))
        for variant, people, shortest, longest, parts, text in rows
    )


def _read_warnings(connection: Any, plan_id: str) -> tuple[str, ...]:
    if not has_table(connection, "plan_warning"):
        return ()
    rows = connection.execute("SELECT warning FROM plan_warning WHERE plan_id = ? ORDER BY number", [plan_id])
    return tuple(said for (said,) in rows.fetchall())


def _cost(plan: dict[str, Any]) -> Cost:
    at_most = plan["parts"] * plan["price_cny"]
    cents = Decimal("0.01")
    return Cost(
        plan["billing"], plan["price_cny"], at_most.quantize(cents), at_most.quantize(cents),
        (at_most * EXPECTED_DELIVERY).quantize(cents),
    )  # fmt: skip


def _feasibility(plan: dict[str, Any]) -> Feasibility | None:
    if plan["registration"] is None:
        return None
    registration = Registration.model_validate(json.loads(plan["registration"]))
    return assess_feasibility(registration, plan["planned"], EXPECTED_RATES)


def campaign_of(plan: dict[str, Any]) -> Campaign:
    """The campaign a plan was made of, as it was then."""
    return Campaign.model_validate_json(plan["campaign"])
