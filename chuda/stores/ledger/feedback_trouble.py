"""What went wrong with feedback and waits for a person, counted: the ledger's side of its alerts."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Trouble:
    """So many of one kind since a moment (microseconds UTC); `subject` names them without naming anybody."""

    kind: str
    subject: str
    events: int
    since_us: int
    campaign_id: str | None = None


def find_troubles(connection: Connection, now_us: int) -> list[Trouble]:
    """Everything that waits: rejects, pages that cannot be processed, late opt-outs, complaints, empty pools."""
    rows = connection.execute(text(_TROUBLES), {"now": now_us, "day": 24 * 3600 * 1_000_000})
    return [Trouble(row.kind, row.subject, int(row.events), int(row.since_us), row.campaign_id) for row in rows]


_TROUBLES = """
SELECT 'feed_rejects' AS kind, channel || ' ' || feed || ' ' || reason AS subject, count(*) AS events,
    min(received_us) AS since_us, CAST(NULL AS TEXT) AS campaign_id
FROM feed_reject WHERE settled_us IS NULL AND reason <> 'coupons_used_up' GROUP BY channel, feed, reason
UNION ALL
SELECT 'feed_stuck', channel || ' ' || feed, count(*), min(received_us), NULL
FROM feed_page WHERE processed_us IS NULL AND tries >= 3 GROUP BY channel, feed
UNION ALL
SELECT 'opt_out_late', source, count(*), min(at_us), NULL
FROM suppression WHERE reason = 'opt_out' AND source LIKE 'reply:%' AND recorded_us - at_us > :day GROUP BY source
UNION ALL
SELECT 'complaint', 'complaint ' || id, 1, complained_us, NULL
FROM complaint WHERE source <> 'reply' AND closed_us IS NULL
UNION ALL
SELECT 'complaint_not_closed', 'complaint ' || id, 1, deadline_us, NULL
FROM complaint WHERE closed_us IS NULL AND deadline_us < :now
UNION ALL
SELECT 'coupons_used_up', campaign_id || ' ' || keyword, count(*), CAST(:now AS BIGINT), campaign_id
FROM coupon GROUP BY campaign_id, keyword HAVING sum(CASE WHEN token IS NULL THEN 1 ELSE 0 END) = 0
"""
