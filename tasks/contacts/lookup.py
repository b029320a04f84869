"""One person at a time: their record, their exclusions and touchpoints, and stopping them at once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from chuda.clock import from_us
from chuda.errors import ProviderTrouble, UsageError
from chuda.keys import TOKEN_LENGTH
from chuda.message_types import Scope
from chuda.phones import mask
from chuda.stores.ledger.suppression import suppressions_of
from chuda.workspace import Workspace
from tasks.contacts.phones import read_phones
from tasks.contacts.reference import load_reference
from tasks.contacts.restrictions import main_tokens, record_stops

Section = tuple[str, Sequence[str], Sequence[Sequence[Any]]]
_HEX = set("0123456789abcdef")
_WITHOUT_NAME = " EXCLUDE (name)"
_SECTIONS = {
    "contact": f"SELECT *{_WITHOUT_NAME} FROM contact_clean WHERE token = $token",
    "records": "SELECT i.source_file, r.source_row, i.published_at, r.import_id FROM contact_record r "
    "JOIN (SELECT import_id, min(source_file) AS source_file, min(published_at) AS published_at FROM import_run "
    "GROUP BY import_id) i USING (import_id) WHERE r.token = $token ORDER BY 3, 2",
    "further numbers": "SELECT alternate_token FROM contact_alternate WHERE token = $token ORDER BY 1",
    "earlier consents": "SELECT * EXCLUDE (token) FROM consent_past WHERE token = $token ORDER BY ended_at",
    # A stay goes on where one period of the history ends and the next one begins in the same segment.
    "segments": "WITH period AS (SELECT segment, from_at, to_at, coalesce(lag(to_at) OVER ordered = from_at, false) AS "
    "goes_on FROM segment_member WHERE token = $token WINDOW ordered AS (PARTITION BY segment ORDER BY from_at)), "
    "stay AS (SELECT *, sum((NOT goes_on)::INT) OVER (PARTITION BY segment ORDER BY from_at) AS number FROM period) "
    "SELECT segment, min(from_at) AS from_at, if(bool_or(to_at IS NULL), NULL, max(to_at)) AS to_at FROM stay "
    "GROUP BY segment, number ORDER BY 2, 1",
    "exclusions": "SELECT p.campaign_id, p.plan_id, x.reason FROM plan_exclusion x JOIN plan_made p USING (plan_id) "
    "WHERE x.token = $token ORDER BY p.created_at",
    "messages": "SELECT p.campaign_id, m.plan_id, m.wave, m.variant, m.send_at, m.text FROM plan_message m "
    "JOIN plan_made p USING (plan_id) WHERE m.token = $token ORDER BY m.send_at",
    "receipts": "SELECT channel, status, code, reported_at FROM receipt_received WHERE token = $token ORDER BY 4",
    "replies": "SELECT channel, kind, text, replied_at FROM reply_received WHERE token = $token ORDER BY 4",
    "clicks": "SELECT channel, link, clicked_at FROM click_received WHERE token = $token ORDER BY 3",
    "orders": "SELECT order_id, paid_at, amount FROM order_clean WHERE token = $token ORDER BY paid_at",
    "events": 'SELECT event_id, kind, "at", detail FROM event_clean WHERE token = $token ORDER BY "at"',
}


@dataclass(frozen=True, slots=True)
class Person:
    """Whom somebody asks about: the token, how they may be shown, and the number if that was given."""

    token: str
    shown: str
    phone: str | None = field(default=None, repr=False)


def find_person(workspace: Workspace, person: str) -> Person:
    """Who is meant by a phone in any usual spelling, or by a token.

    Raises:
        UsageError: it is neither; the message does not repeat it.
    """
    if len(person) == TOKEN_LENGTH and set(person) <= _HEX:
        return Person(person, person)
    frame = pl.DataFrame({"row": [0], "cell": [person]}, schema={"row": pl.UInt32, "cell": pl.String})
    people = read_phones(frame, load_reference(workspace.settings.reference).prefixes).persons
    if people.is_empty():
        raise UsageError("that is neither a mobile number nor a token (32 hex digits)")
    phone = str(people["phone"][0])
    return Person(workspace.keys.token(phone), mask(phone), phone)


def describe_person(workspace: Workspace, person: Person, *, with_name: bool = False) -> list[Section]:
    """Everything on record of a person, by section, the empty ones left out.

    Raises:
        UsageError: nobody by that number or token is known.
    """
    sections: list[Section] = []
    if workspace.settings.warehouse_file.exists():
        with workspace.warehouse.read() as connection:
            sections += _describe_in_warehouse(connection, person.token, with_name)
    with workspace.ledger.read() as ledger:
        stops = [(s.scope, s.reason, s.source, from_us(s.at_us)) for s in suppressions_of(ledger, person.token)]
    sections += [("suppressions", ("scope", "reason", "source", "at"), stops)] if stops else []
    if not sections:
        raise UsageError(f"nobody is known by {person.shown}")
    return sections


def export_person(workspace: Workspace, person: Person, target: Path) -> int:
    """Write everything on record of a person, number and name included, as JSON into a new 0600 file.

    Returns:
        How many records there are.

    Raises:
        UsageError: nobody is known by it, or the file exists.
    """
    sections = describe_person(workspace, person, with_name=True)
    number = person.phone
    if number is None and workspace.vault.exists:
        numbers = workspace.vault.read(pl.Series([person.token]))["phone"]
        number = str(numbers[0]) if len(numbers) else None
    data = {
        "phone": number,
        "token": person.token,
        **{title: [dict(zip(names, row, strict=True)) for row in rows] for title, names, rows in sections},
    }
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{target}: exists already; choose another name") from None
    except OSError as error:
        raise UsageError(f"{target}: cannot be written ({error.strerror})") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False, indent=2, default=str)
    return sum(len(rows) for _, _, rows in sections)


def suppress_person(workspace: Workspace, person: Person, scope: Scope) -> int:
    """Suppress a person at once, all their numbers, and whoever they are a further number of.

    What the ledger knows of them is committed first: a night's import may keep the warehouse for minutes.

    Returns:
        How many people the warehouse has whose further number it is.

    Raises:
        ProviderTrouble: all that the ledger knows is suppressed, but the warehouse could not be asked for more.
    """
    now = workspace.clock.now()
    record_stops(workspace.ledger, {person.token: now}, "manual", now, scope=scope, reason="opt_out")
    if not workspace.settings.warehouse_file.exists():
        return 0
    try:
        with workspace.warehouse.read() as connection:
            mains = dict.fromkeys(main_tokens(connection, [person.token]), now)
    except ProviderTrouble as trouble:
        raise ProviderTrouble(
            f"{person.shown} is suppressed; whose further number it is could not be looked up ({trouble})"
        ) from None
    record_stops(workspace.ledger, mains, "manual", now, scope=scope, reason="opt_out")
    return len(mains)


def _describe_in_warehouse(connection: Any, token: str, with_name: bool) -> list[Section]:
    relations = "SELECT table_name FROM duckdb_tables() UNION ALL SELECT view_name FROM duckdb_views()"
    tables = {row[0] for row in connection.execute(relations).fetchall()}
    sections: list[Section] = []
    for title, query in _SECTIONS.items():
        if _table_of(query) not in tables:
            continue
        cursor = connection.execute(query if not with_name else query.replace(_WITHOUT_NAME, ""), {"token": token})
        names = [column[0] for column in cursor.description or ()]
        rows = cursor.fetchall()
        sections += [(title, names, rows)] if rows else []
    return sections


def _table_of(query: str) -> str:
    return query.partition(" FROM ")[2].split()[0]
