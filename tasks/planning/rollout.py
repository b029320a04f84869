"""The roll-out: everybody outside the sample gets the decided variant, as further releases of the same plan."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from chuda.campaign.model import Campaign
from chuda.errors import UsageError
from chuda.records.channel import ChannelRecord
from chuda.windows import DailyWindow
from tasks.channels.routing import Routing, keep_routes, number_by_channel
from tasks.experiments.rollout import next_occurrence

_STAGE = """
CREATE OR REPLACE TEMP TABLE message_staged AS
SELECT m.token, 'wave' AS wave, $variant AS variant, t.text, t.units, t.parts, $opens_at AS send_at,
       $expires_at AS expires_at, m.carrier, m.province
FROM plan_message m JOIN plan_rollout_text t ON t.plan_id = m.plan_id AND t.token = m.token AND t.variant = $variant
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


def plan_rollout(connection: Any, plan_id: str, variant: str, now: datetime, routing: Routing | None = None) -> int:
    """Give everybody outside the sample the decided variant, and add the releases; once, later calls add nothing.

    Args:
        connection: a writing transaction of the warehouse.
        plan_id: a plan whose experiment samples.
        variant: the arm the decision names.
        now: the earliest moment of sending; a send-slot test waits for the slot's next occurrence.
        routing: which cells avoid the plan's channel now; none if not given.

    Returns:
        How many messages were added.
    """
    row = connection.execute(
        "SELECT campaign, channel_record, window_start_minute, window_end_minute, experiment_variable FROM plan_made "
        "WHERE plan_id = ?",
        [plan_id],
    ).fetchone()
    if row is None:
        raise UsageError(f"there is no plan {plan_id}; `chuda calendar` lists plans")
    campaign, channel = Campaign.model_validate_json(row[0]), ChannelRecord.model_validate_json(row[1])
    window = DailyWindow(row[2], row[3])
    opens_at = window.next_opening(now)
    if row[4] == "send_slot":
        opens_at = next_occurrence(_slot_of(connection, plan_id, variant), now)
    expires_at = opens_at + timedelta(hours=campaign.expire_after_hours)
    connection.execute(_STAGE, {"plan": plan_id, "variant": variant, "opens_at": opens_at, "expires_at": expires_at})
    first = connection.execute("SELECT max(number) + 1 FROM plan_release WHERE plan_id = ?", [plan_id]).fetchone()[0]
    number_by_channel(connection, routing or Routing((channel,)), window, first)
    connection.execute(_UPDATE, {"plan": plan_id})
    connection.execute(_RELEASES, {"plan": plan_id})
    keep_routes(connection, plan_id)
    return int(connection.execute("SELECT count(*) FROM message_numbered").fetchone()[0])


def _slot_of(connection: Any, plan_id: str, variant: str) -> datetime:
    row = connection.execute(
        "SELECT min(send_at) FROM plan_message WHERE plan_id = ? AND variant = ? AND wave = 'sample'",
        [plan_id, variant],
    ).fetchone()
    moment: datetime = row[0]
    return moment
