"""What is known of channels: test phones, the steps and verdicts of tests, where a cell of one is sent instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class TestPhone:
    """A phone whose owner agreed to get tests; its number is in the vault only. `agreed_on` is an ISO date."""

    __test__ = False

    token: str
    shown: str
    carrier: str
    number_type: str
    province: str
    agreed_on: str
    note: str
    added_us: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a channel did in one stage of a test: passed, failed or pending; `evidence` is JSON, kept for good."""

    test_id: str
    channel: str
    stage: str
    verdict: str
    messages: int
    evidence: str
    decided_us: int
    expires_us: int


@dataclass(frozen=True, slots=True)
class TestStep:
    """One send of a test: which plan, through which channel, as which message type; `state` is open or done."""

    __test__ = False

    test_id: str
    stage: str
    round: int
    number: int
    tested_type: str
    channel: str
    plan_id: str
    due_us: int
    judge_us: int
    state: str


@dataclass(frozen=True, slots=True)
class Route:
    """Messages of one carrier in one province avoid `channel` until `ended_us`: they take the campaign's next one."""

    channel: str
    carrier: str
    province: str
    reason: str
    evidence: str
    since_us: int
    ended_us: int | None = None


def _insert(table: str, row: type, conflict: str = "") -> str:
    names = [field.name for field in fields(row)]
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)}) {conflict}"


def add_test_phone(connection: Connection, phone: TestPhone) -> None:
    """Put a test phone on record; a newer agreement replaces an older one."""
    conflict = "ON CONFLICT (token) DO UPDATE SET agreed_on = excluded.agreed_on, note = excluded.note"
    connection.execute(text(_insert("test_phone", TestPhone, conflict)), asdict(phone))


def remove_test_phone(connection: Connection, token: str) -> bool:
    """Take a test phone off the record; returns whether it was on it."""
    return connection.execute(text("DELETE FROM test_phone WHERE token = :token"), {"token": token}).rowcount == 1


def test_phones(connection: Connection) -> list[TestPhone]:
    """All test phones, the longest on record first."""
    rows = connection.execute(text("SELECT * FROM test_phone ORDER BY added_us, token"))
    return [TestPhone(**row._mapping) for row in rows]


test_phones.__test__ = False  # type: ignore[attr-defined]  # for pytest: it is none


def add_steps(connection: Connection, steps: Iterable[TestStep]) -> None:
    """Put the sends of a test on record; one that is there stays as it is."""
    rows = [asdict(step) for step in steps]
    if rows:
        connection.execute(text(_insert("channel_step", TestStep, "ON CONFLICT (plan_id) DO NOTHING")), rows)


def steps_of(connection: Connection, test_id: str) -> list[TestStep]:
    """The sends of a test in the order in which they are due."""
    rows = connection.execute(
        text("SELECT * FROM channel_step WHERE test_id = :id ORDER BY due_us, plan_id"), {"id": test_id}
    )
    return [TestStep(**row._mapping) for row in rows]


def close_steps(connection: Connection, plan_ids: Sequence[str]) -> None:
    """Mark sends as done: judged, or given up."""
    for plan_id in plan_ids:
        connection.execute(text("UPDATE channel_step SET state = 'done' WHERE plan_id = :plan"), {"plan": plan_id})


def open_tests(connection: Connection) -> dict[str, str]:
    """The channel of every test with sends that are not judged yet, by test, the oldest first."""
    rows = connection.execute(
        text("SELECT test_id, min(due_us) AS first_us FROM channel_step WHERE state = 'open' GROUP BY test_id "
             "ORDER BY first_us, test_id")
    )  # fmt: skip
    return {row.test_id: row.test_id.rpartition("-")[0] for row in rows}


def tests_begun(connection: Connection, channel: str) -> int:
    """How many tests of a channel were ever begun."""
    rows = connection.execute(text("SELECT DISTINCT test_id FROM channel_step"))
    return sum(row.test_id.rpartition("-")[0] == channel for row in rows)


def add_verdict(connection: Connection, verdict: Verdict) -> None:
    """Keep a verdict; that of the same stage of the same test is replaced (a pending one by a certain one)."""
    conflict = (
        "ON CONFLICT (test_id, stage) DO UPDATE SET verdict = excluded.verdict, messages = excluded.messages, "
        "evidence = excluded.evidence, decided_us = excluded.decided_us, expires_us = excluded.expires_us"
    )
    connection.execute(text(_insert("channel_verdict", Verdict, conflict)), asdict(verdict))


def verdicts_of(connection: Connection, channel: str | None = None) -> list[Verdict]:
    """The verdicts on a channel (on all, if None), the newest last."""
    rows = connection.execute(text("SELECT * FROM channel_verdict ORDER BY decided_us, test_id, stage"))
    return [Verdict(**row._mapping) for row in rows if channel in (None, row.channel)]


def open_routes(connection: Connection) -> list[Route]:
    """The cells that avoid a channel now."""
    rows = connection.execute(
        text(
            "SELECT channel, carrier, province, reason, evidence, since_us, ended_us FROM channel_route "
            "WHERE ended_us IS NULL ORDER BY channel, carrier, province"
        )
    )
    return [Route(**row._mapping) for row in rows]


def open_route(connection: Connection, route: Route) -> bool:
    """Keep a cell away from a channel from now on; returns False where it is already."""
    cell = (route.channel, route.carrier, route.province)
    if any((known.channel, known.carrier, known.province) == cell for known in open_routes(connection)):
        return False
    connection.execute(text(_insert("channel_route", Route)), asdict(route))
    return True


def end_route(connection: Connection, route: Route, now_us: int) -> None:
    """Give a cell back to its own channel."""
    connection.execute(
        text("UPDATE channel_route SET ended_us = :now WHERE channel = :channel AND carrier = :carrier "
             "AND province = :province AND ended_us IS NULL"),
        {"now": now_us, "channel": route.channel, "carrier": route.carrier, "province": route.province},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shot:
    """What came of one message of a plan, for judging a channel: times in microseconds, NULLs as None."""

    plan_id: str
    token: str
    batch_id: str
    position: int
    state: str
    sent_us: int | None
    status: str | None
    code: str | None
    parts: int | None
    reported_us: int | None
    attempts: int | None


def shots_of(connection: Connection, plan_ids: Iterable[str]) -> list[Shot]:
    """Every message of some plans with its last receipt and the number of attempts the provider told, if it did."""
    shots: list[Shot] = []
    for plan_id in plan_ids:
        for row in connection.execute(text(_BATCHES), {"plan": plan_id}).all():
            receipts = {r.position: r for r in connection.execute(text(_RECEIPTS), {"batch": row.batch_id})}
            states = {e.position: e.state for e in connection.execute(text(_EXCEPTIONS), {"batch": row.batch_id})}
            width = len(row.tokens) // row.size
            for position in range(row.size):
                told = receipts.get(position, (position, None, None, None, None, None))
                shots.append(Shot(
                    plan_id, row.tokens[position * width : (position + 1) * width], row.batch_id, position,
                    states.get(position, row.state), row.intent_us, *tuple(told)[1:],
                ))  # fmt: skip
    return shots


_BATCHES = (
    "SELECT b.batch_id, b.size, b.tokens, b.state, a.intent_us FROM batch b LEFT JOIN attempt a "
    "ON a.batch_id = b.batch_id AND a.number = b.attempts WHERE b.plan_id = :plan ORDER BY b.batch_id"
)
# Of several receipts the last row of the result counts: reported last, `delivered` before `failed` at one moment.
_RECEIPTS = (
    "SELECT r.position, r.status, r.code, r.parts, r.reported_us, t.attempts FROM receipt r "
    "LEFT JOIN receipt_attempt t ON t.batch_id = r.batch_id AND t.position = r.position WHERE r.batch_id = :batch "
    "ORDER BY r.reported_us, r.status DESC, r.id"
)
_EXCEPTIONS = "SELECT position, state FROM message_exception WHERE batch_id = :batch"


def tell_attempts(connection: Connection, rows: Sequence[tuple[str, int, int]]) -> None:
    """Keep how often the provider says it sent each message: (batch id, position, attempts); the highest counts."""
    if rows:
        connection.execute(
            text("INSERT INTO receipt_attempt (batch_id, position, attempts) VALUES (:batch, :position, :attempts) "
                 "ON CONFLICT (batch_id, position) DO UPDATE SET attempts = excluded.attempts "
                 "WHERE excluded.attempts > receipt_attempt.attempts"),
            [{"batch": batch, "position": position, "attempts": attempts} for batch, position, attempts in rows],
        )  # fmt: skip
