"""How a released plan stands: its states, its releases with who approved them, its rate, and when it will be done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from chuda.clock import from_us, to_us
from chuda.errors import UsageError
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger import Connection
from chuda.stores.ledger.approvals import Approval, find_approval, is_approved
from chuda.stores.ledger.progress import ReleaseProgress, release_progress, sending_rate
from chuda.stores.ledger.releases import Control, Release, find_control, releases_of, state_counts
from chuda.windows import DailyWindow
from chuda.workspace import Workspace
from tasks.planning.schedule import finish_time

ReleaseState = Literal["approved", "not_approved", "running", "done", "expired"]
_ATTEMPTED = ("accepted", "delivered", "failed", "rejected", "unknown", "unconfirmed", "intent")


@dataclass(frozen=True, slots=True)
class ReleaseStanding:
    """One sealed release; times in Asia/Shanghai, `approved_by` and `method` empty without an approval on record."""

    release_id: str
    state: ReleaseState
    size: int
    open: int
    opens_at: datetime
    expires_at: datetime
    approved_by: str
    method: str
    approved_at: datetime | None


@dataclass(frozen=True, slots=True)
class PlanStanding:
    """A released plan now. `states` add up to `messages`; `rate` is messages per second over its last busy minute,
    None before; `done_at` is expected at the channel's rate, None when nothing is open or it does not run.
    """

    plan_id: str
    campaign_id: str
    channel: str
    control: Control
    messages: int
    open: int
    states: dict[str, int]
    rate: float | None
    done_at: datetime | None
    releases: tuple[ReleaseStanding, ...]

    @property
    def attempted(self) -> int:
        """Messages of which a request was made."""
        return sum(self.states.get(state, 0) for state in _ATTEMPTED)

    def to_markdown(self) -> str:
        """What is known in a few lines of Markdown, counts only."""
        rate = f"{self.rate:,.0f}/s" if self.rate else "–"
        done_at = f"{self.done_at:%Y-%m-%d %H:%M}" if self.done_at else "–"
        counts = {name: self.states.get(name, 0) for name in ("accepted", "rejected", "unknown")} | self.states
        return (
            f"**{self.plan_id}** ({self.control.state}): {self.messages - self.open:,} / {self.messages:,}\n\n"
            f"速率 / rate {rate} · 预计完成 / expected finish {done_at}\n\n"
            "| | |\n| --- | ---: |\n" + "".join(f"| {name} | {count:,} |\n" for name, count in counts.items())
        )

    def to_json(self) -> dict[str, Any]:
        """The same as plain values, times as they are."""
        return {**asdict(self), "attempted": self.attempted}


def read_standing(workspace: Workspace, plan_id: str) -> PlanStanding:
    """How a plan stands, from the ledger alone: it answers while a batch flow holds the warehouse.

    Raises:
        UsageError: nothing of it was released.
    """
    now = workspace.clock.now()
    with workspace.ledger.read() as connection:
        control, releases = find_control(connection, plan_id), releases_of(connection, plan_id)
        if control is None or not releases:
            raise UsageError(
                f"计划 {plan_id} 还没有批准 / plan {plan_id} has not been released; `chuda plan {plan_id}` shows it, "
                f"`chuda approve {plan_id}` releases it, `chuda calendar` lists plans"
            )
        # A release whose requests all moved to another channel has none of its own.
        none = {one.release_id: ReleaseProgress(one.release_id, 0, 0, 0, 0, None) for one in releases}
        progress = none | release_progress(connection, [plan_id])
        states, rate = state_counts(connection, plan_id), sending_rate(connection, plan_id)
        standings = tuple(_standing(connection, one, progress[one.release_id], now) for one in releases)
    return PlanStanding(
        plan_id, releases[0].campaign_id, releases[0].channel, control, sum(states.values()),
        sum(one.open for one in standings), states, rate,
        _done_at(releases, progress, now) if control.state == "running" else None, standings,
    )  # fmt: skip


def _standing(connection: Connection, release: Release, done: ReleaseProgress, now: datetime) -> ReleaseStanding:
    approval = find_approval(connection, release.release_id)
    return ReleaseStanding(
        release.release_id, _state(connection, release, done, now), done.size, done.open,
        from_us(release.not_before_us), from_us(release.not_after_us), *_approval_of(approval),
    )  # fmt: skip


def _state(connection: Connection, release: Release, done: ReleaseProgress, now: datetime) -> ReleaseState:
    if done.open == 0:
        return "done"
    if to_us(now) >= release.not_after_us:
        return "expired"
    if not is_approved(connection, release, to_us(now)):
        return "not_approved"
    return "running" if done.last_us is not None else "approved"


def _approval_of(approval: Approval | None) -> tuple[str, str, datetime | None]:
    return (approval.approved_by, approval.method, from_us(approval.approved_us)) if approval else ("", "", None)


def _done_at(releases: list[Release], progress: dict[str, ReleaseProgress], now: datetime) -> datetime | None:
    """When the last open part leaves, release after release, at the channel's rate inside its window."""
    moments = list(_finish_times(releases, progress, now))
    return moments[-1] if moments else None


def _finish_times(releases: list[Release], progress: dict[str, ReleaseProgress], now: datetime) -> Iterator[datetime]:
    free_at = now
    for release in releases:
        parts = progress[release.release_id].open_parts
        if parts and to_us(now) < release.not_after_us:
            window = DailyWindow(release.window_start_minute, release.window_end_minute)
            rate = ChannelRecord.model_validate_json(release.channel_record).rate_parts_per_second
            free_at = finish_time(max(free_at, from_us(release.not_before_us)), parts, rate, window)
            yield free_at
