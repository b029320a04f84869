"""Proofs: what each variant of a plan says, exactly as planned, to the test phones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chuda.campaign.model import Campaign
from chuda.errors import UsageError
from chuda.keys import Keys
from chuda.records.channel import ChannelRecord, MessageType
from chuda.short_links import link_code, link_identity, link_pattern, make_link
from chuda.stores.ledger import Connection as LedgerConnection
from chuda.stores.ledger.short_links import PROOFS, KeptLink, keep_links
from tasks.channels.probe import Probe

# Of the texts of a variant the one most people get (the least personal), at equal counts the longest.
_TEXTS = """
WITH text AS (
    SELECT coalesce(variant, '') AS variant, regexp_replace(text, $link, $proof) AS text, units FROM plan_message
    WHERE plan_id = $plan AND text IS NOT NULL
    UNION ALL
    SELECT variant, regexp_replace(text, $link, $proof), units FROM plan_rollout_text WHERE plan_id = $plan
),
counted AS (SELECT variant, text, max(units) AS units, count(*) AS people FROM text GROUP BY variant, text)
SELECT variant, text, people FROM counted
QUALIFY row_number() OVER (PARTITION BY variant ORDER BY people DESC, units DESC, text) = 1 ORDER BY variant
"""


@dataclass(frozen=True, slots=True)
class ProofText:
    """What most people of a variant get; `variant` is empty without an experiment."""

    variant: str
    text: str
    people: int
    message_type: MessageType


def chosen_texts(connection: Any, plan_id: str, keys: Keys) -> tuple[ChannelRecord, list[ProofText]]:
    """The plan's channel as frozen with it, and one text per variant.

    Raises:
        UsageError: there is no such plan, or it is a probe itself.
    """
    row = connection.execute(
        "SELECT message_type, channel_record FROM plan_made WHERE plan_id = ?", [plan_id]
    ).fetchone()
    if row is None:
        raise UsageError(f"there is no plan {plan_id}; `chuda calendar` lists plans")
    if row[0] == "test":
        raise UsageError(f"plan {plan_id} is a test or a proof itself; name the plan of a campaign")
    record = ChannelRecord.model_validate_json(row[1])
    # Nobody's own short link goes to a test phone: their click would count as that person's.
    base = record.short_links or ""
    own = {"link": link_pattern(base) if base else "$^", "proof": make_link(base, proof_code(keys, plan_id))}
    texts = connection.execute(_TEXTS, {"plan": plan_id, **own}).fetchall()
    proofs = [ProofText(variant, text, int(people), row[0]) for variant, text, people in texts]
    return record, proofs


def proof_code(keys: Keys, plan_id: str) -> str:
    """The code of the short link in a plan's proofs."""
    return link_code(keys, link_identity(PROOFS, plan_id, None), PROOFS)


def keep_proof_link(connection: Any, ledger: LedgerConnection, keys: Keys, plan_id: str, record: ChannelRecord) -> None:
    """Let the short link of a plan's proofs lead where the plan's own will."""
    campaign = connection.execute("SELECT campaign FROM plan_made WHERE plan_id = ?", [plan_id]).fetchone()[0]
    target = Campaign.model_validate_json(campaign).template.link
    if record.short_links and target:
        keep_links(ledger, record.name, target, [KeptLink(proof_code(keys, plan_id), PROOFS, 0)])


def proof_probe(plan_id: str, number: int, record: ChannelRecord, text: ProofText, opens_at: datetime) -> Probe:
    """The probe that sends one of them; its name is the same every time, so repeating the command sends nothing."""
    name = "-".join(["proof", plan_id, *([text.variant] if text.variant else []), str(number)])
    title = f"proof of {plan_id} {text.variant}".rstrip()
    return Probe("proof", name, title, text.message_type, record, text.text, opens_at)
