"""The sample as a whole: parameters in, five files out. The door of `chuda sample`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from tasks.sample.answer_key import (
    AnswerKey,
    count_candidates,
    count_dirt,
    count_events,
    count_orders,
    count_people,
    write_answer_key,
)
from tasks.sample.contacts import Contacts, make_contacts
from tasks.sample.csv_files import ENCODINGS, Encoding, write_lines
from tasks.sample.numbers import load_prefix_table
from tasks.sample.orders import Orders, make_orders
from tasks.sample.other_files import DoNotContact, Events, make_do_not_contact, make_events

MAX_ROWS = 10_000_000
DEFAULT_DIRT = 0.3


@dataclass(frozen=True, slots=True)
class SampleParameters:
    """What to generate: `rows` contacts as of `now` (aware), in `encoding`; `dirt` (0–1) scales all that is wrong.

    The same parameters give the same files, byte for byte. Raises UsageError for values that make no sample.
    """

    rows: int
    seed: int
    now: datetime
    encoding: Encoding = "utf-8"
    dirt: float = DEFAULT_DIRT

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= MAX_ROWS:
            raise UsageError(f"sample: rows must be between 1 and {MAX_ROWS:,}, not {self.rows:,}")
        if self.seed < 0:
            raise UsageError(f"sample: seed must be 0 or more, not {self.seed}")
        if self.now.tzinfo is None:
            raise UsageError("sample: now needs a time zone, e.g. 2026-11-22T10:00:00+08:00")
        if self.encoding not in ENCODINGS:
            raise UsageError(f"sample: encoding must be one of {', '.join(ENCODINGS)}, not {self.encoding!r}")
        if not 0 <= self.dirt <= 1:
            raise UsageError(f"sample: dirt must be between 0 and 1, not {self.dirt}")


@dataclass(frozen=True, slots=True)
class SampleManifest:
    """Where the files of a sample are, and its answer key."""

    contacts: Path
    orders: Path
    events: Path
    do_not_contact: Path
    answer_key: Path
    key: AnswerKey


def generate_sample(parameters: SampleParameters, out_dir: Path) -> SampleManifest:
    """Write contacts, orders, events, a do-not-contact list and their answer key into `out_dir`, made if missing.

    Files of an earlier sample there are replaced. Raises UsageError when the directory cannot be written.
    """
    sample = _make(parameters)
    manifest = SampleManifest(
        contacts=out_dir / "contacts.csv",
        orders=out_dir / "orders.csv",
        events=out_dir / "events.csv",
        do_not_contact=out_dir / "do_not_contact.csv",
        answer_key=out_dir / "answer_key.json",
        key=sample.key,
    )
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for path, part in (
            (manifest.contacts, sample.contacts),
            (manifest.orders, sample.orders),
            (manifest.events, sample.events),
            (manifest.do_not_contact, sample.do_not_contact),
        ):
            write_lines(path, part.header, part.lines, parameters.encoding)
        write_answer_key(manifest.answer_key, sample.key)
    except OSError as error:
        raise UsageError(f"sample: cannot write to {out_dir}: {error.strerror}; choose another --out") from error
    return manifest


@dataclass(frozen=True, slots=True)
class _Sample:
    contacts: Contacts
    orders: Orders
    events: Events
    do_not_contact: DoNotContact
    key: AnswerKey


def _make(parameters: SampleParameters) -> _Sample:
    """Everything in memory. Each file has a random stream of its own: what changes in one leaves the others alone."""
    today = parameters.now.astimezone(BUSINESS_ZONE).date()
    rngs = np.random.default_rng(parameters.seed).spawn(4)
    table = load_prefix_table()
    contacts = make_contacts(rngs[0], table, parameters.rows, today, parameters.dirt)
    orders = make_orders(rngs[1], contacts.people, today, parameters.dirt)
    events = make_events(rngs[2], contacts.people, today)
    listed = make_do_not_contact(rngs[3], contacts.people, today)
    key = AnswerKey(
        parameters={**asdict(parameters), "now": parameters.now.astimezone(BUSINESS_ZONE).isoformat()},
        candidates=count_candidates(contacts),
        people=count_people(contacts, listed, table),
        dirt=count_dirt(contacts),
        orders=count_orders(orders),
        events=count_events(events),
        do_not_contact={"rows": len(listed.lines)},
    )
    return _Sample(contacts, orders, events, listed, key)
