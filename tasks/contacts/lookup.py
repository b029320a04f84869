"""One person at a time: their record, their exclusions and touchpoints, and stopping them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from chuda.clock import to_us
from chuda.errors import UsageError
from chuda.keys import TOKEN_LENGTH
from chuda.message_types import Scope
from chuda.phones import mask
from chuda.stores.ledger.suppression import Suppression, suppress
from chuda.workspace import Workspace
from tasks.contacts.phones import read_phones
from tasks.contacts.reference import load_reference

Section = tuple[str, Sequence[str], Sequence[Sequence[Any]]]
_HEX = set("0123456789abcdef")
_SECTIONS = {
    "contact": "SELECT * EXCLUDE (name) FROM contact_clean WHERE token = $token",
    "segments": "SELECT segment, from_at, to_at FROM segment_member WHERE token = $token ORDER BY from_at, segment",
    "exclusions": "SELECT p.campaign_id, p.plan_id, x.reason FROM plan_exclusion x JOIN plan_made p USING (plan_id) "
    "WHERE x.token = $token ORDER BY p.created_at",
    "messages": "SELECT p.campaign_id, m.plan_id, m.wave, m.variant, m.send_at, m.text FROM plan_message m "
    "JOIN plan_made p USING (plan_id) WHERE m.token = $token ORDER BY m.send_at",
    "receipts": "SELECT channel, status, code, reported_at FROM receipt_received WHERE token = $token ORDER BY 4",
    "replies": "SELECT channel, kind, text, replied_at FROM reply_received WHERE token = $token ORDER BY 4",
    "clicks": "SELECT channel, link, clicked_at FROM click_received WHERE token = $token ORDER BY 3",
    "orders": "SELECT order_id, paid_at, amount FROM order_clean WHERE token = $token ORDER BY paid_at",
}


def token_of(workspace: Workspace, person: str) -> tuple[str, str]:
    """The token of a phone in any usual spelling, or the token itself; with how it may be shown.

    Raises:
        UsageError: it is neither; the message does not repeat it.
    """
    if len(person) == TOKEN_LENGTH and set(person) <= _HEX:
        return person, person
    frame = pl.DataFrame({"row": [0], "cell": [person]}, schema={"row": pl.UInt32, "cell": pl.String})
    people = read_phones(frame, load_reference(workspace.settings.reference).prefixes).persons
    if people.is_empty():
        raise UsageError("that is neither a mobile number nor a token (32 hex digits)")
    phone = str(people["phone"][0])
    return workspace.keys.token(phone), mask(phone)


def describe_person(workspace: Workspace, person: str) -> list[Section]:
    """Everything on record of a person, by section, the empty ones left out.

    Raises:
        UsageError: nobody by that number or token is known.
    """
    token, shown = token_of(workspace, person)
    sections: list[Section] = []
    with workspace.warehouse.read() as connection:
        tables = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        for title, query in _SECTIONS.items():
            if _table_of(query) in tables:
                cursor = connection.execute(query, {"token": token})
                names = [column[0] for column in cursor.description or ()]
                rows = cursor.fetchall()
                sections += [(f"{shown} {title}", names, rows)] if rows else []
    with workspace.ledger.read() as ledger:
        from chuda.stores.ledger.suppression import suppressions_of

        stops = [(s.scope, s.reason, s.source) for s in suppressions_of(ledger, token)]
    sections += [(f"{shown} suppressions", ("scope", "reason", "source"), stops)] if stops else []
    if not sections:
        raise UsageError(f"nobody is known by {shown}")
    return sections


def _table_of(query: str) -> str:
    return query.partition(" FROM ")[2].split()[0]


def suppress_phone(workspace: Workspace, person: str, scope: Scope) -> str:
    """Suppress a person at once, and whoever they are an alternate number of; returns the masked number."""
    token, shown = token_of(workspace, person)
    now_us = to_us(workspace.clock.now())
    tokens = {token, *_main_tokens(workspace, token)}
    with workspace.ledger.write() as ledger:
        suppress(ledger, [Suppression(one, scope, "opt_out", "manual", now_us, now_us) for one in sorted(tokens)])
    return shown


def _main_tokens(workspace: Workspace, token: str) -> list[str]:
    if not workspace.settings.warehouse_file.exists():
        return []
    with workspace.warehouse.read() as connection:
        return [
            row[0]
            for row in connection.execute(
                "SELECT token FROM contact_alternate WHERE alternate_token = ?", [token]
            ).fetchall()
        ]
