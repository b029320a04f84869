"""The calendar: day by day what is planned, running and done, in which hours, and how many people are at their cap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from chuda.campaign.load import load_campaign
from chuda.clock import to_us
from chuda.message_types import COUNTING_TYPES
from chuda.settings import Settings
from chuda.stores.ledger import Connection, Ledger
from chuda.stores.ledger.progress import ReleaseProgress, release_progress
from chuda.stores.ledger.releases import claimed_plan, find_control, origin_of
from chuda.windows import DailyWindow
from tasks.compliance.rules import CAP_DAYS, WEEKLY_CAP
from tasks.planning.figures import has_plans

_NOT_CAMPAIGNS = ("business.yaml", "segments.yaml")


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One plan on one day (the sample and the roll-out apart), or a campaign file that is dated and not planned yet.

    `state`: not_planned, not_approved, approved, running, paused, done, expired or cancelled. `window` is the lawful
    hours of the plan, `sent` what was accepted by the provider.
    """

    at: datetime | None
    campaign_id: str
    plan_id: str
    channel: str
    wave: str
    window: str
    planned: int
    sent: int
    state: str


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day: its entries by time, and how many people then have their weekly number of marketing messages."""

    day: date
    entries: tuple[CalendarEntry, ...]
    people_at_cap: int

    @property
    def planned(self) -> int:
        """Messages of the day, cancelled and expired ones left out."""
        return sum(entry.planned for entry in self.entries if entry.state not in ("cancelled", "expired"))

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {**asdict(self), "planned": self.planned}


# A plan's releases by day. Of several plans of one occurrence the released one counts, else the newest.
_ENTRIES = """
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY campaign_id, occurrence ORDER BY list_contains($released, plan_id) DESC,
                                 created_at DESC, plan_id) AS rank
    FROM plan_made
)
SELECT p.plan_id, p.campaign_id, p.channel, p.window_start_minute, p.window_end_minute, r.wave,
       min(r.opens_at), max(r.expires_at), sum(r.size)::BIGINT, list(p.plan_id || '-' || r.number)
FROM ranked p JOIN plan_release r ON r.plan_id = p.plan_id
WHERE p.rank = 1 AND r.opens_at >= $since AND r.opens_at < $until
GROUP BY p.plan_id, p.campaign_id, p.channel, p.window_start_minute, p.window_end_minute, r.wave,
         CAST(r.opens_at AS DATE)
"""
_AT_CAP = """
WITH day AS (SELECT unnest($days::DATE[]) AS day),
counted AS (
    SELECT token, CAST(send_at AS DATE) AS sent_on FROM plan_message
    WHERE list_contains($plans, plan_id) AND text IS NOT NULL
),
per_person AS (
    SELECT day.day, counted.token FROM day
    JOIN counted ON counted.sent_on BETWEEN day.day - $span::INTEGER AND day.day
    GROUP BY 1, 2 HAVING count(*) >= $cap
)
SELECT day, count(*) FROM per_person GROUP BY 1
"""


def read_calendar(
    connection: Any, ledger: Ledger, settings: Settings, now: datetime, back: int, ahead: int
) -> list[CalendarDay]:
    """The days from `back` days ago to `ahead` days from now on which there is something, in order.

    Args:
        connection: the warehouse.
        ledger: says what was released and how far it came.
        settings: where the campaign files are.
        now: the present.
        back: days to look back.
        ahead: days to look ahead.
    """
    since, until = now.date() - timedelta(days=back), now.date() + timedelta(days=ahead + 1)
    entries: list[CalendarEntry] = []
    days: Mapping[date, int] = {}
    if has_plans(connection):
        with ledger.read() as source:
            entries = list(_planned(connection, source, now, since, until))
        live = sorted({e.plan_id for e in entries if e.state not in ("cancelled", "expired")})
        days = _people_at_cap(connection, live, sorted({e.at.date() for e in entries if e.at}))
    waiting = _unplanned(settings, {e.campaign_id for e in entries}, now.date(), until)
    by_day: dict[date, list[CalendarEntry]] = {}
    for day, entry in [*((e.at.date(), e) for e in entries if e.at), *waiting]:
        by_day.setdefault(day, []).append(entry)
    return [CalendarDay(day, tuple(_sorted(by_day[day])), days.get(day, 0)) for day in sorted(by_day)]


def _sorted(entries: Sequence[CalendarEntry]) -> list[CalendarEntry]:
    return sorted(entries, key=lambda entry: (entry.at is None, str(entry.at), entry.plan_id, entry.wave))


def _planned(connection: Any, source: Connection, now: datetime, since: date, until: date) -> Iterator[CalendarEntry]:
    plans = connection.execute("SELECT DISTINCT campaign_id, occurrence FROM plan_made").fetchall()
    released = [claimed_plan(source, campaign, occurrence) for campaign, occurrence in plans]
    values = {"released": [plan for plan in released if plan], "since": since, "until": until}
    rows = connection.execute(_ENTRIES, values).fetchall()
    progress = release_progress(source, sorted({row[0] for row in rows})) if rows else {}
    for row in rows:
        plan_id, campaign_id, channel, start, end, wave, opens_at, expires_at, size, release_ids = row
        # What moved to another channel while sending belongs to the release it was approved with.
        sealed = [progress[one] for one in progress if origin_of(one) in release_ids]
        is_whole = {origin_of(one) for one in progress} >= set(release_ids)
        state = _state(source, plan_id, sealed, is_whole or to_us(now) >= to_us(expires_at))
        sent = sum(one.accepted for one in sealed)
        yield CalendarEntry(
            opens_at, campaign_id, plan_id, channel, wave, str(DailyWindow(start, end)), size, sent, state
        )


def _state(source: Connection, plan_id: str, sealed: Sequence[ReleaseProgress], is_settled: bool) -> str:
    """`is_settled`: every release is sealed, or it is too late for the others."""
    control = find_control(source, plan_id)
    if control is not None and control.state in ("cancelled", "paused"):
        return control.state
    if not sealed or not is_settled:
        return "expired" if is_settled else "not_approved"
    if all(one.open == 0 for one in sealed):
        return "done"
    return "running" if any(one.last_us is not None for one in sealed) else "approved"


def _people_at_cap(connection: Any, plans: list[str], days: list[date]) -> dict[date, int]:
    if not plans or not days:
        return {}
    types = sorted(COUNTING_TYPES)
    counted = connection.execute(
        "SELECT plan_id FROM plan_made WHERE list_contains($plans, plan_id) AND list_contains($types, message_type)",
        {"plans": plans, "types": types},
    ).fetchall()
    values = {"days": days, "plans": [plan for (plan,) in counted], "span": CAP_DAYS - 1, "cap": WEEKLY_CAP}
    return dict(connection.execute(_AT_CAP, values).fetchall())


def _unplanned(settings: Settings, planned: set[str], today: date, until: date) -> Iterator[tuple[date, CalendarEntry]]:
    """Campaign files dated from today on that no plan was made of yet."""
    for path in sorted(settings.campaigns.glob("*.yaml")):
        if path.name in _NOT_CAMPAIGNS:
            continue
        campaign = load_campaign(path, lang=settings.lang).value
        day = campaign.schedule.date if campaign.schedule else None
        if isinstance(day, date) and today <= day < until and campaign.id not in planned:
            channel = campaign.channels[0]
            yield day, CalendarEntry(None, campaign.id, "", channel, "", "", 0, 0, "not_planned")
