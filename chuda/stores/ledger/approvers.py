"""Who may approve: enrolled people, their sealed secrets, the codes they have used and the wrong ones they typed.

Codes follow the real time, which callers pass in as the store's (`Ledger.store_now_us`): all machines agree on it, and
neither CHUDA_NOW nor the simulated clock moves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Row, text

from chuda.keys import Keys
from chuda.totp import is_timed_code, matching_step, recovery_digest

WRONG_CODES_ALLOWED = 5
_BLOCK_US = 15 * 60 * 1_000_000
_LONGEST_BLOCK_US = 24 * 3600 * 1_000_000

Verdict = Literal["accepted", "wrong", "replayed", "blocked", "unknown"]


@dataclass(frozen=True, slots=True)
class Approver:
    """An enrolled person as others may see them; times in microseconds UTC (real time)."""

    name: str
    enrolled_us: int
    recovery_codes_left: int
    blocked_until_us: int


@dataclass(frozen=True, slots=True)
class CodeCheck:
    """What a typed code was worth; `method` is totp or recovery, `blocked_until_us` says when to try again."""

    verdict: Verdict
    method: str = ""
    blocked_until_us: int = 0


def enrol(
    connection: Connection, keys: Keys, name: str, secret: str, recovery_codes: Sequence[str], now_us: int
) -> None:
    """Enrol somebody, or enrol them anew: the old secret and all old recovery codes stop working."""
    remove(connection, name)
    connection.execute(
        text("INSERT INTO approver (name, secret, enrolled_us, last_step, wrong_codes, blocked_until_us) "
             "VALUES (:name, :secret, :now, -1, 0, 0)"),
        {"name": name, "secret": keys.seal(secret.encode(), f"totp:{name}"), "now": now_us},
    )  # fmt: skip
    connection.execute(
        text("INSERT INTO recovery_code (approver, digest) VALUES (:name, :digest)"),
        [{"name": name, "digest": recovery_digest(keys, name, code)} for code in recovery_codes],
    )


def remove(connection: Connection, name: str) -> bool:
    """Take somebody off the list, with all their codes; returns whether they were on it."""
    connection.execute(text("DELETE FROM recovery_code WHERE approver = :name"), {"name": name})
    return bool(connection.execute(text("DELETE FROM approver WHERE name = :name"), {"name": name}).rowcount)


def list_approvers(connection: Connection) -> list[Approver]:
    """Everybody who is enrolled, by name."""
    rows = connection.execute(
        text("SELECT a.name, a.enrolled_us, (SELECT count(*) FROM recovery_code c WHERE c.approver = a.name "
             "AND c.used_us IS NULL) AS recovery_codes_left, a.blocked_until_us FROM approver a ORDER BY a.name")
    )  # fmt: skip
    return [Approver(*row) for row in rows]


def check_code(connection: Connection, keys: Keys, name: str, code: str, real_us: int) -> CodeCheck:
    """Judge a code and use it up; a code that is accepted here is never accepted again.

    The caller's transaction must be committed whatever the verdict: wrong codes are counted in it. Every fifth wrong
    one in a row blocks the name for 15 minutes, then 30, 60 … at most a day.

    Args:
        connection: a writing transaction, the one that approves.
        keys: the workspace's, to open the secret.
        name: who says they are.
        code: six digits, or a recovery code.
        real_us: the store's time.
    """
    # Writing first takes the row's lock on PostgreSQL too: two codes at once are judged one after the other.
    known = connection.execute(
        text("UPDATE approver SET wrong_codes = wrong_codes WHERE name = :name"), {"name": name}
    ).rowcount
    if not known:
        return CodeCheck("unknown")
    row = connection.execute(text("SELECT * FROM approver WHERE name = :name"), {"name": name}).one()
    if real_us < row.blocked_until_us:
        return CodeCheck("blocked", blocked_until_us=row.blocked_until_us)
    check = (_check_timed if is_timed_code(code) else _check_recovery)(connection, keys, row, code, real_us)
    if check.verdict == "accepted":
        connection.execute(
            text("UPDATE approver SET wrong_codes = 0, blocked_until_us = 0 WHERE name = :name"), {"name": name}
        )
        return check
    return _count_wrong(connection, row, check, real_us)


def _check_timed(
    connection: Connection, keys: Keys, row: Row[tuple[object, ...]], code: str, real_us: int
) -> CodeCheck:
    secret = keys.unseal(bytes(row.secret), f"totp:{row.name}").decode()
    step = matching_step(secret, code, real_us, after_step=row.last_step)
    if step is None:
        return CodeCheck("wrong")
    if step <= row.last_step:
        return CodeCheck("replayed")
    connection.execute(text("UPDATE approver SET last_step = :step WHERE name = :name"),
                       {"step": step, "name": row.name})  # fmt: skip
    return CodeCheck("accepted", "totp")


def _check_recovery(
    connection: Connection, keys: Keys, row: Row[tuple[object, ...]], code: str, real_us: int
) -> CodeCheck:
    key = {"name": row.name, "digest": recovery_digest(keys, row.name, code), "now": real_us}
    used_now = connection.execute(
        text("UPDATE recovery_code SET used_us = :now WHERE approver = :name AND digest = :digest AND used_us IS NULL"),
        key,
    ).rowcount
    if used_now:
        return CodeCheck("accepted", "recovery")
    known = connection.execute(
        text("SELECT 1 FROM recovery_code WHERE approver = :name AND digest = :digest"), key
    ).scalar()
    return CodeCheck("replayed" if known else "wrong")


def _count_wrong(connection: Connection, row: Row[tuple[object, ...]], check: CodeCheck, real_us: int) -> CodeCheck:
    wrong = row.wrong_codes + 1
    rounds, rest = divmod(wrong, WRONG_CODES_ALLOWED)
    blocked_us = 0 if rest else real_us + min(_BLOCK_US << min(rounds - 1, 16), _LONGEST_BLOCK_US)
    connection.execute(
        text("UPDATE approver SET wrong_codes = :wrong, blocked_until_us = :blocked WHERE name = :name"),
        {"wrong": wrong, "blocked": blocked_us, "name": row.name},
    )
    return CodeCheck(check.verdict, blocked_until_us=blocked_us)
