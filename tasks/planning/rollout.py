"""The roll-out in the plan: a wave becomes further releases of the same plan; what will never leave is closed.

Each function writes once: called again for the same wave, or after the end, it changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from chuda.campaign.model import Campaign
from chuda.clock import to_us
from chuda.errors import UsageError
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger import Connection as LedgerConnection
from chuda.stores.ledger.releases import Release
from chuda.stores.ledger.rollouts import ClosedBatch, close_messages
from chuda.windows import DailyWindow
from tasks.channels.routing import Routing, keep_routes, number_by_channel
from tasks.experiments.rollout import assign_waves, next_occurrence
from tasks.planning.fingerprint import fingerprint_releases

CLOSED_BATCH = 1000
_REST = """
CREATE OR REPLACE TEMP TABLE audience_assigned AS
SELECT token, 'rest' AS role FROM plan_message WHERE plan_id = $plan AND wave = 'rollout'
"""
_STAGE = """
CREATE OR REPLACE TEMP TABLE message_staged AS
SELECT m.token, 'wave' AS wave, $variant AS variant, t.text, t.units, t.parts, $opens_at AS send_at,
       $expires_at AS expires_at, m.carrier, m.province
FROM plan_message m
JOIN audience_waves w ON w.token = m.token AND w.wave = $number
JOIN plan_rollout_text t ON t.plan_id = m.plan_id AND t.token = m.token AND t.variant = $variant
WHERE m.plan_id = $plan AND m.wave = 'rollout' AND m.batch_id IS NULL
"""
_UPDATE = """
UPDATE plan_message SET variant = n.variant, text = n.text, units = n.units, parts = n.parts,
    send_at = n.send_at, release_number = n.release_number,
    batch_id = $plan || '-' || n.release_number || '-' || n.seq, position = n.position
FROM message_numbered n WHERE plan_message.plan_id = $plan AND plan_message.token = n.token
"""
_RELEASES = """
INSERT INTO plan_release
SELECT $plan, release_number, 'rollout', min(send_at), min(expires_at), count(*), sum(parts) FROM message_numbered
GROUP BY release_number
"""
_RECORD = """
INSERT INTO rollout_wave
SELECT $plan, $number, $waves, $variant, coalesce(min(release_number), $first),
       coalesce(max(release_number), $first - 1), count(*), $opens_at, $expires_at, $now FROM message_numbered
"""


@dataclass(frozen=True, slots=True)
class RolloutPlan:
    """What a roll-out takes from its frozen plan."""

    plan_id: str
    campaign: Campaign
    channel: ChannelRecord
    window: DailyWindow
    variable: str


@dataclass(frozen=True, slots=True)
class WaveTiming:
    """When a wave may start, and when what has not started is void."""

    opens_at: datetime
    expires_at: datetime


def read_rollout_plan(connection: Any, plan_id: str) -> RolloutPlan:
    """The plan's frozen records.

    Raises:
        UsageError: there is no such plan.
    """
    row = connection.execute(
        "SELECT campaign, channel_record, window_start_minute, window_end_minute, experiment_variable FROM plan_made "
        "WHERE plan_id = ?",
        [plan_id],
    ).fetchone()
    if row is None:
        raise UsageError(f"there is no plan {plan_id}; `chuda calendar` lists plans")
    campaign, channel = Campaign.model_validate_json(row[0]), ChannelRecord.model_validate_json(row[1])
    return RolloutPlan(plan_id, campaign, channel, DailyWindow(row[2], row[3]), row[4])


def time_wave(connection: Any, plan: RolloutPlan, variant: str, now: datetime) -> WaveTiming:
    """When the next wave leaves: inside the window at once; a send-slot test waits for the slot, same weekday."""
    opens_at = plan.window.next_opening(now)
    if plan.variable == "send_slot":
        slot_at = connection.execute(
            "SELECT min(send_at) FROM plan_message WHERE plan_id = ? AND variant = ? AND wave = 'sample'",
            [plan.plan_id, variant],
        ).fetchone()[0]
        opens_at = next_occurrence(slot_at, now)
    return WaveTiming(opens_at, opens_at + timedelta(hours=plan.campaign.expire_after_hours))


def plan_wave(
    connection: Any,
    plan: RolloutPlan,
    variant: str,
    number: int,
    fractions: tuple[float, ...],
    now: datetime,
    routing: Routing | None = None,
) -> int:
    """Give the people of one wave the decided variant, and add the releases; a wave that is planned stays as it is.

    Args:
        connection: a writing transaction of the warehouse.
        plan: the plan's frozen records.
        variant: the arm the decision names.
        number: which wave, from 1; who is in it is fixed by a salt of the plan.
        fractions: the shares of all waves.
        now: the earliest moment of sending.
        routing: which cells avoid the plan's channel now; none if not given.

    Returns:
        How many messages were added.
    """
    planned = connection.execute(
        "SELECT 1 FROM rollout_wave WHERE plan_id = ? AND wave = ?", [plan.plan_id, number]
    ).fetchone()
    if planned is not None:
        return 0
    timing = time_wave(connection, plan, variant, now)
    connection.execute(_REST, {"plan": plan.plan_id})
    assign_waves(connection, f"{plan.plan_id}:w", fractions)
    span = {"opens_at": timing.opens_at, "expires_at": timing.expires_at}
    connection.execute(_STAGE, {"plan": plan.plan_id, "variant": variant, "number": number, **span})
    first = _next_release(connection, plan.plan_id)
    number_by_channel(connection, routing or Routing((plan.channel,)), plan.window, first)
    connection.execute(_UPDATE, {"plan": plan.plan_id})
    connection.execute(_RELEASES, {"plan": plan.plan_id})
    keep_routes(connection, plan.plan_id)
    fingerprint_releases(connection, plan.plan_id)
    connection.execute(_RECORD, {"plan": plan.plan_id, "number": number, "waves": len(fractions), "variant": variant,
                                 "first": first, "now": now, **span})  # fmt: skip
    return int(connection.execute("SELECT count(*) FROM message_numbered").fetchone()[0])


def _next_release(connection: Any, plan_id: str) -> int:
    """The first free release number; what was closed has numbers too, in plan_message only."""
    row = connection.execute(
        "SELECT greatest((SELECT max(number) FROM plan_release WHERE plan_id = $plan), "
        "(SELECT max(release_number) FROM plan_message WHERE plan_id = $plan)) + 1",
        {"plan": plan_id},
    ).fetchone()
    return int(row[0])


_OPEN_REST = "plan_id = $plan AND wave = 'rollout' AND batch_id IS NULL"
_NUMBER_REST = f"""
UPDATE plan_message SET release_number = $release, batch_id = $plan || '-' || $release || '-' || (n.place // $size),
    position = n.place % $size
FROM (SELECT token, row_number() OVER (ORDER BY token) - 1 AS place FROM plan_message WHERE {_OPEN_REST}) n
WHERE plan_message.plan_id = $plan AND plan_message.token = n.token
"""
_CLOSED = """
SELECT batch_id, token FROM plan_message WHERE plan_id = $plan AND release_number = $release
ORDER BY batch_id, position
"""


def close_rest(connection: Any, ledger: LedgerConnection, plan_id: str, state: str, now: datetime) -> int:
    """Record everybody of the roll-out who is in no wave as `state` (cancelled or expired), in plan and ledger.

    Returns:
        How many people.
    """
    people = int(connection.execute(f"SELECT count(*) FROM plan_message WHERE {_OPEN_REST}",
                                    {"plan": plan_id}).fetchone()[0])  # fmt: skip
    if people:
        release = _next_release(connection, plan_id)
        connection.execute(_NUMBER_REST, {"plan": plan_id, "release": release, "size": CLOSED_BATCH})
        close_release(connection, ledger, plan_id, release, state, now)
    return people


def close_release(
    connection: Any, ledger: LedgerConnection, plan_id: str, number: int, state: str, now: datetime
) -> None:
    """Record a release that nobody will seal any more as `state` in the ledger; one that was sealed stays as it is."""
    rows = connection.execute(_CLOSED, {"plan": plan_id, "release": number}).fetchall()
    batches = [
        ClosedBatch(batch_id, tuple(token for _, token in members))
        for batch_id, members in groupby(rows, key=lambda row: row[0])
    ]
    plan = connection.execute(
        "SELECT plan_hash, campaign_id, occurrence, message_type, channel, channel_record, window_start_minute, "
        "window_end_minute FROM plan_made WHERE plan_id = ?",
        [plan_id],
    ).fetchone()
    now_us = to_us(now)
    release = Release(
        release_id=f"{plan_id}-{number}", plan_id=plan_id, plan_hash=plan[0], campaign_id=plan[1], occurrence=plan[2],
        message_type=plan[3], channel=plan[4], channel_record=plan[5], size=len(rows), parts=0, not_before_us=now_us,
        not_after_us=now_us, window_start_minute=plan[6], window_end_minute=plan[7], sealed_us=now_us,
    )  # fmt: skip
    close_messages(ledger, release, batches, state)
