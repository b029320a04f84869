"""Test phones: put on record with their owner's agreement, and picked so that all carriers are covered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from chuda.clock import to_us
from chuda.errors import UsageError
from chuda.phones import mask
from chuda.stores.ledger.channels import TestPhone, add_test_phone, remove_test_phone
from chuda.workspace import Workspace
from tasks.contacts.lookup import find_person
from tasks.contacts.phones import read_phones
from tasks.contacts.reference import load_reference

GROUPS = ("mobile", "telecom", "unicom", "mvno")
"""Whom the basic stage has to reach."""


def group_of(phone: TestPhone) -> str:
    """Which of the groups a phone stands for: virtual operators are one, whatever network they ride on."""
    return "mvno" if phone.number_type == "mvno" else phone.carrier


def register_phones(workspace: Workspace, numbers: Sequence[str], agreed_on: date, note: str) -> list[TestPhone]:
    """Put phones on record: their numbers into the vault, all else into the ledger; repeating it is safe.

    Raises:
        UsageError: one of them is no number that can receive messages (named by its place, not repeated), or the
            agreement lies ahead.
    """
    now = workspace.clock.now()
    if agreed_on > now.date():
        raise UsageError(f"the owner's agreement is dated {agreed_on}, which lies ahead; write the day they agreed")
    people = _read(workspace, numbers)
    phones = [
        TestPhone(
            row["token"], mask(row["phone"]), row["carrier"] or "unknown", row["number_type"] or "mobile",
            row["province"] or "unknown", agreed_on.isoformat(), note, to_us(now),
        )
        for row in people.iter_rows(named=True)
    ]  # fmt: skip
    with workspace.ledger.write() as connection:
        for phone in phones:
            add_test_phone(connection, phone)
    # The ledger first: what an import sweeps out of the vault is what no record names.
    workspace.vault.append(people.select("token", "phone"))
    return phones


def _read(workspace: Workspace, numbers: Sequence[str]) -> pl.DataFrame:
    """token, phone, carrier, number_type, province of each number, in their order."""
    table = load_reference(workspace.settings.reference).prefixes
    cells = pl.DataFrame({"row": range(len(numbers)), "cell": list(numbers)},
                         schema={"row": pl.UInt32, "cell": pl.String})  # fmt: skip
    people = read_phones(cells, table).persons.sort("row")
    unread = sorted(set(range(len(numbers))) - set(people["row"]))
    if unread:
        places = ", ".join(str(row + 1) for row in unread)
        raise UsageError(f"number {places} in your list is no mobile number that can receive messages")
    frame = people.join(table.profiles, on="profile", how="left", maintain_order="left").unique(
        "phone", maintain_order=True
    )
    tokens = pl.Series("token", [workspace.keys.token(phone) for phone in frame["phone"]], pl.String)
    return frame.with_columns(tokens)


def forget_phone(workspace: Workspace, person: str) -> str:
    """Take a phone off the record; returns how it may be shown.

    Raises:
        UsageError: it is not on record.
    """
    found = find_person(workspace, person)
    with workspace.ledger.write() as connection:
        if not remove_test_phone(connection, found.token):
            raise UsageError(f"{found.shown} is not a test phone; `chuda testphone list` shows them")
    return found.shown


def pick_phones(phones: Sequence[TestPhone], count: int) -> list[TestPhone]:
    """`count` phones spread evenly over the groups, the longest on record first.

    Raises:
        UsageError: there are not enough, or a group has none.
    """
    by_group = {group: [phone for phone in phones if group_of(phone) == group] for group in GROUPS}
    missing = [group for group, members in by_group.items() if not members]
    if missing or sum(map(len, by_group.values())) < count:
        raise UsageError(
            f"a basic test takes {count} test phones over {', '.join(GROUPS)}; there are "
            + ", ".join(f"{len(members)} {group}" for group, members in by_group.items())
            + ". Put more on record: `chuda testphone add NUMBER… --agreed DATE`"
        )
    picked: list[TestPhone] = []
    while len(picked) < count:
        for members in by_group.values():
            if members and len(picked) < count:
                picked.append(members.pop(0))
    return picked
