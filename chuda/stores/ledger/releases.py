"""Sealing a release, controlling it, and counting what became of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Connection, text

from chuda.errors import Refused, UsageError
from chuda.keys import TOKEN_LENGTH
from chuda.message_types import COUNTING_TYPES
from chuda.stores.ledger.states import OPEN, before, quoted

ANSWERS_OF = "-answers-"
"""Between the release whose keyword was replied to and what makes its answers a plan of their own."""

STAND_IN = r"~(\d+)$"
"""What the id of a stand-in (failover.py) ends in, behind the id of the release it was made of."""
_STAND_IN = re.compile(STAND_IN)

# States in which a message still counts towards a person's weekly cap.
COUNTING_STATES = ("planned", "intent", "not_sent", "accepted", "unknown", "unconfirmed")


@dataclass(frozen=True, slots=True)
class Release:
    """At most 50,000 messages of one plan that are approved and sent as one; times in microseconds UTC."""

    release_id: str
    plan_id: str
    plan_hash: str
    campaign_id: str
    occurrence: str
    message_type: str
    channel: str
    channel_record: str
    size: int
    parts: int
    not_before_us: int
    not_after_us: int
    window_start_minute: int
    window_end_minute: int
    sealed_us: int
    standby: str = "[]"  # JSON: the records of the channels that may stand in, in order (failover.py)

    @property
    def wire_type(self) -> str:
        """The type its messages leave as: a test leaves as the type it tests, which its occurrence names."""
        return self.occurrence if self.message_type == "test" else self.message_type


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """The messages of one provider request: tokens in clear, numbers and texts sealed."""

    batch_id: str
    seq: int
    tokens: tuple[str, ...]
    parts: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Control:
    """Whether a plan runs, is paused or cancelled, and why."""

    state: str
    reason: str
    by: str
    at_us: int = 0


def origin_of(release_id: str) -> str:
    """The approved release that a release is, or was made of."""
    return _STAND_IN.sub("", release_id)


def rank_of(release_id: str) -> int:
    """0 for an approved release, n for the one of its n-th stand-in."""
    found = _STAND_IN.search(release_id)
    return int(found[1]) if found else 0


def split_tokens(joined: str) -> list[str]:
    """The tokens of a batch, in order of position."""
    return [joined[start : start + TOKEN_LENGTH] for start in range(0, len(joined), TOKEN_LENGTH)]


def seal(connection: Connection, release: Release, batches: Sequence[SealedBatch], lost: dict[str, str]) -> bool:
    """Store a release with its batches; one that is stored already stays as it is.

    Args:
        connection: a writing transaction.
        release: the release; its occurrence is claimed for its plan.
        batches: one per provider request.
        lost: tokens that may not be messaged after all, each with the reason; recorded as suppressed.

    Returns:
        Whether it was stored now.

    Raises:
        Refused: another plan already claimed this occurrence of the campaign.
    """
    _claim_occurrence(connection, release)
    if find_release(connection, release.release_id) is not None:
        return False
    insert_release(connection, release)
    connection.execute(
        text("INSERT INTO control (plan_id, state, reason, by, at_us) VALUES (:plan, 'running', '', '', :us) "
             "ON CONFLICT (plan_id) DO NOTHING"),
        {"plan": release.plan_id, "us": release.sealed_us},
    )  # fmt: skip
    if batches:
        connection.execute(_INSERT_BATCH, [_batch_row(release, batch) for batch in batches])
    exceptions = [
        {"batch_id": batch.batch_id, "position": position, "state": "suppressed", "code": lost[token],
         "at_us": release.sealed_us}
        for batch in batches
        for position, token in enumerate(batch.tokens)
        if token in lost
    ]  # fmt: skip
    except_messages(connection, exceptions)
    return True


def insert_release(connection: Connection, release: Release) -> None:
    """Store a release's row."""
    columns = ", ".join(Release.__dataclass_fields__)
    values = ", ".join(f":{name}" for name in Release.__dataclass_fields__)
    connection.execute(text(f"INSERT INTO release ({columns}) VALUES ({values})"), asdict(release))


_INSERT_BATCH = text(
    "INSERT INTO batch (batch_id, release_id, plan_id, seq, size, parts, tokens, sealed, state, attempts, ready_us) "
    "VALUES (:batch_id, :release_id, :plan_id, :seq, :size, :parts, :tokens, :sealed, 'planned', 0, :ready_us)"
)


def _batch_row(release: Release, batch: SealedBatch) -> dict[str, object]:
    return {
        "batch_id": batch.batch_id,
        "release_id": release.release_id,
        "plan_id": release.plan_id,
        "seq": batch.seq,
        "size": len(batch.tokens),
        "parts": batch.parts,
        "tokens": "".join(batch.tokens),
        "sealed": batch.sealed,
        "ready_us": release.not_before_us,
    }


def _claim_occurrence(connection: Connection, release: Release) -> None:
    connection.execute(
        text("INSERT INTO occurrence (campaign_id, occurrence, plan_id, plan_hash, claimed_us) "
             "VALUES (:campaign_id, :occurrence, :plan_id, :plan_hash, :sealed_us) ON CONFLICT DO NOTHING"),
        asdict(release),
    )  # fmt: skip
    holder = connection.execute(
        text("SELECT plan_id, plan_hash FROM occurrence WHERE campaign_id = :campaign_id AND occurrence = :occurrence"),
        asdict(release),
    ).one()
    if holder.plan_id != release.plan_id or holder.plan_hash != release.plan_hash:
        raise Refused(
            f"{release.campaign_id} ({release.occurrence}) was already released as plan {holder.plan_id}; "
            f"two plans of one occurrence could message somebody twice. Look at `chuda status {holder.plan_id}`."
        )


def except_messages(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """Record states of single messages that differ from their batch's; the newest word wins."""
    if rows:
        connection.execute(
            text("INSERT INTO message_exception (batch_id, position, state, code, at_us) "
                 "VALUES (:batch_id, :position, :state, :code, :at_us) ON CONFLICT (batch_id, position) "
                 "DO UPDATE SET state = excluded.state, code = excluded.code, at_us = excluded.at_us"),
            rows,
        )  # fmt: skip


def find_release(connection: Connection, release_id: str) -> Release | None:
    """A sealed release."""
    row = connection.execute(text("SELECT * FROM release WHERE release_id = :id"), {"id": release_id}).one_or_none()
    return None if row is None else Release(**row._mapping)


def releases_of(connection: Connection, plan_id: str) -> list[Release]:
    """The sealed releases of a plan in the order in which they may start."""
    rows = connection.execute(
        text("SELECT * FROM release WHERE plan_id = :plan ORDER BY not_before_us, release_id"), {"plan": plan_id}
    )
    return [Release(**row._mapping) for row in rows]


def channel_records(connection: Connection) -> list[str]:
    """The newest record (JSON) of every channel that releases were sealed for."""
    rows = connection.execute(text("SELECT channel, channel_record FROM release ORDER BY sealed_us, release_id"))
    return list({row.channel: row.channel_record for row in rows}.values())


def marketing_releases_between(connection: Connection, from_us: int, to_us: int, own_plan: str = "") -> set[str]:
    """The marketing releases, but for those of `own_plan`, of which a message may leave or left between two moments.

    A release with something open may still send until it expires; one that is finished ended with its last attempt.
    """
    rows = connection.execute(
        text(_BETWEEN.format(which=f"r.message_type IN ({_COUNTING})")),
        {"from_us": from_us, "to_us": to_us, "own": own_plan},
    )
    return {row.release_id for row in rows}


def releases_on_channel_between(
    connection: Connection, channel: str, from_us: int, to_us: int, own_plan: str = ""
) -> set[str]:
    """Like `marketing_releases_between`, of one channel and any type: what a provider's own caps are counted from."""
    rows = connection.execute(
        text(_BETWEEN.format(which="r.channel = :channel")),
        {"channel": channel, "from_us": from_us, "to_us": to_us, "own": own_plan},
    )
    return {row.release_id for row in rows}


_COUNTING = ", ".join(f"'{name}'" for name in sorted(COUNTING_TYPES))
_BETWEEN = """
SELECT r.release_id FROM release r
WHERE {which} AND r.plan_id <> :own AND r.not_before_us < :to_us AND :from_us < CASE
    WHEN EXISTS (SELECT 1 FROM batch b WHERE b.release_id = r.release_id
                 AND b.state IN ('planned', 'not_sent', 'intent', 'unknown'))
    THEN r.not_after_us
    ELSE (SELECT coalesce(max(a.intent_us), 0) FROM attempt a WHERE a.release_id = r.release_id) END
"""


def claimed_plan(connection: Connection, campaign_id: str, occurrence: str) -> str | None:
    """The plan that holds this occurrence of a campaign, None if none was released."""
    return connection.execute(
        text("SELECT plan_id FROM occurrence WHERE campaign_id = :campaign AND occurrence = :occurrence"),
        {"campaign": campaign_id, "occurrence": occurrence},
    ).scalar()


def reserved_tokens(connection: Connection, release_ids: Iterable[str]) -> Counter[str]:
    """How many messages of these releases count towards each person's cap."""
    counts: Counter[str] = Counter()
    for release_id in release_ids:
        rows = connection.execute(
            text("SELECT batch_id, tokens, state FROM batch WHERE release_id = :id"), {"id": release_id}
        )
        exceptions = _exceptions_of_release(connection, release_id)
        for row in rows:
            special = exceptions.get(row.batch_id, {})
            counts.update(
                token
                for position, token in enumerate(split_tokens(row.tokens))
                if special.get(position, row.state) in COUNTING_STATES
            )
    return counts


def _exceptions_of_release(connection: Connection, release_id: str) -> dict[str, dict[int, str]]:
    """State by batch and position where it is not the batch's: exceptions, and receipts of failure."""
    rows = connection.execute(text(_DIFFERING), {"id": release_id})
    found: dict[str, dict[int, str]] = {}
    for row in rows:
        found.setdefault(row.batch_id, {})[row.position] = row.state
    return found


_DIFFERING = """
SELECT e.batch_id, e.position, e.state FROM message_exception e JOIN batch b ON b.batch_id = e.batch_id
WHERE b.release_id = :id
UNION ALL
SELECT r.batch_id, r.position, 'failed' FROM receipt r
JOIN batch b ON b.batch_id = r.batch_id AND r.position BETWEEN 0 AND b.size - 1
WHERE b.release_id = :id GROUP BY r.batch_id, r.position HAVING max(r.status) = 'failed' AND min(r.status) = 'failed'
"""


def find_control(connection: Connection, plan_id: str) -> Control | None:
    """Whether a sealed plan runs, is paused or cancelled."""
    row = connection.execute(
        text("SELECT state, reason, by, at_us FROM control WHERE plan_id = :plan"), {"plan": plan_id}
    ).one_or_none()
    return None if row is None else Control(*row)


def find_binding_control(connection: Connection, release: Release) -> Control | None:
    """What binds a release: its plan's control, and for answers to keywords the campaign's, whichever is stricter."""
    own = find_control(connection, release.plan_id)
    origin_id, is_answer, _ = release.plan_id.partition(ANSWERS_OF)
    if not is_answer or own is None or own.state != "running":
        return own
    origin = find_release(connection, origin_id)
    return None if origin is None else find_control(connection, origin.plan_id)


def set_control(connection: Connection, plan_id: str, control: Control, now_us: int) -> None:
    """Pause, resume or cancel a plan; cancelling closes all that has not been started.

    Raises:
        UsageError: no such plan was released.
        Refused: it is cancelled already, and that is for good.
    """
    current = find_control(connection, plan_id)
    if current is None:
        raise UsageError(f"plan {plan_id} has not been released; `chuda plan` lists plans")
    if current.state == "cancelled" and control.state != "cancelled":
        raise Refused(f"plan {plan_id} was cancelled ({current.reason}) and cannot be started again; make a new plan")
    connection.execute(
        text("UPDATE control SET state = :state, reason = :reason, by = :by, at_us = :us WHERE plan_id = :plan"),
        {**asdict(control), "us": now_us, "plan": plan_id},
    )
    if control.state == "cancelled":
        _close_open(connection, "plan_id = :id", plan_id, "cancelled")


def close_release(connection: Connection, release_id: str, state: Literal["expired", "cancelled"]) -> int:
    """Close what a release has not started and never will; returns the number of batches."""
    return _close_open(connection, "release_id = :id", release_id, state)


def _close_open(connection: Connection, where: str, key: str, state: str) -> int:
    done = connection.execute(
        text(f"UPDATE batch SET state = :state, sealed = NULL WHERE {where} AND state IN ({before(state)})"),
        {"state": state, "id": key},
    )
    return int(done.rowcount)


def due_plans(connection: Connection, now_us: int) -> list[str]:
    """Plans of which something may leave now, waits for an answer, or is to be closed, the earliest first."""
    rows = connection.execute(text(_DUE), {"now": now_us})
    return [row.plan_id for row in rows]


_DUE = """
SELECT r.plan_id, min(r.not_before_us) AS first_us FROM release r JOIN control c ON c.plan_id = r.plan_id
WHERE EXISTS (SELECT 1 FROM batch b WHERE b.release_id = r.release_id AND (
    b.state IN ('intent', 'unknown')
    OR b.state IN ('planned', 'not_sent') AND (c.state = 'running' AND r.not_before_us <= :now
                                              OR c.state = 'cancelled' OR r.not_after_us <= :now)))
GROUP BY r.plan_id ORDER BY first_us, r.plan_id
"""


def open_batches(connection: Connection, plan_id: str) -> int:
    """How many requests of a plan are still to be made."""
    count = connection.execute(
        text("SELECT count(*) FROM batch WHERE plan_id = :plan AND state IN ('planned', 'not_sent')"), {"plan": plan_id}
    ).scalar_one()
    return int(count)


def has_open(connection: Connection, release_id: str) -> bool:
    """Whether a release has anything that is still to be started."""
    found = connection.execute(
        text(f"SELECT 1 FROM batch WHERE release_id = :id AND state IN ({quoted(OPEN)}) LIMIT 1"), {"id": release_id}
    ).scalar()
    return found is not None


def state_counts(connection: Connection, plan_id: str) -> dict[str, int]:
    """How many messages of a plan are in each state; the sum is what was sealed.

    A receipt wins over everything else; of several the one reported last, `delivered` before `failed`.
    """
    rows = connection.execute(text(_STATE_COUNTS), {"plan": plan_id})
    return {row.state: int(row.messages) for row in rows if row.messages}


_STATE_COUNTS = """
WITH ranked AS (
    SELECT r.batch_id, r.position, r.status,
           row_number() OVER (PARTITION BY r.batch_id, r.position ORDER BY r.reported_us DESC, r.status) AS rank
    FROM receipt r JOIN batch b ON b.batch_id = r.batch_id AND r.position BETWEEN 0 AND b.size - 1
    WHERE b.plan_id = :plan
),
special AS (
    SELECT e.batch_id, e.position, e.state FROM message_exception e JOIN batch b ON b.batch_id = e.batch_id
    WHERE b.plan_id = :plan
),
single AS (
    SELECT batch_id, position, status AS state FROM ranked WHERE rank = 1
    UNION ALL
    SELECT s.batch_id, s.position, s.state FROM special s
    WHERE NOT EXISTS (SELECT 1 FROM ranked r WHERE r.batch_id = s.batch_id AND r.position = s.position)
),
per_batch AS (SELECT batch_id, count(*) AS singles FROM single GROUP BY batch_id),
final AS (
    SELECT b.state, sum(b.size - coalesce(p.singles, 0)) AS messages
    FROM batch b LEFT JOIN per_batch p ON p.batch_id = b.batch_id WHERE b.plan_id = :plan GROUP BY b.state
    UNION ALL
    SELECT state, count(*) FROM single GROUP BY state
)
SELECT state, sum(messages) AS messages FROM final GROUP BY state ORDER BY state
"""
