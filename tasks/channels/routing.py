"""Which messages leave through which channel: all through the plan's own, but for the cells that avoid it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from chuda.records.channel import ChannelRecord
from chuda.stores.ledger.channels import Route
from chuda.windows import DailyWindow
from tasks.planning.numbering import number_messages

Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Routing:
    """The channels of a plan in order of preference, its own first, and which cells (carrier, province) avoid which."""

    channels: tuple[ChannelRecord, ...]
    avoided: frozenset[tuple[str, str, str]] = frozenset()

    @property
    def moved(self) -> dict[Cell, ChannelRecord]:
        """The channel of every cell that does not use the plan's own; a cell that avoids all of them stays."""
        own = self.channels[0]
        found = {}
        for carrier, province in sorted({(carrier, province) for _, carrier, province in self.avoided}):
            usable = [c for c in self.channels if (c.name, carrier, province) not in self.avoided]
            if usable and usable[0].name != own.name:
                found[carrier, province] = usable[0]
        return found

    def said(self) -> list[str]:
        """What of it a person approves."""
        return [f"{carrier} {province} -> {channel.name}" for (carrier, province), channel in self.moved.items()]


def choose_routing(own: ChannelRecord, fallbacks: Sequence[ChannelRecord], routes: Iterable[Route]) -> Routing:
    """The routing of a plan by what avoids what now."""
    return Routing((own, *fallbacks), frozenset((r.channel, r.carrier, r.province) for r in routes))


def number_by_channel(connection: Any, routing: Routing, window: DailyWindow, first_number: int) -> None:
    """Create `message_numbered` from `message_staged` (with carrier and province), each release of one channel only;
    `message_route` says which releases are not of the plan's own.

    Args:
        connection: a writing transaction of the warehouse.
        routing: of the plan.
        window: the daily hours in which releases may open.
        first_number: the number of the first release.
    """
    _write_moved(connection, routing)
    connection.execute("CREATE OR REPLACE TEMP TABLE message_route (number INTEGER, channel VARCHAR, record VARCHAR)")
    own, *others = routing.channels
    used = {row[0] for row in connection.execute(_USED).fetchall()} - {""}
    if not used:
        number_messages(connection, own, window, first_number)
        return
    connection.execute("CREATE OR REPLACE TEMP TABLE message_whole AS SELECT * FROM message_staged")
    is_first, number = True, first_number
    for channel in (own, *(other for other in others if other.name in used)):
        name = "" if channel is own else channel.name
        # A temporary table stands before the draft's of the same name.
        connection.execute("CREATE OR REPLACE TEMP TABLE message_staged AS " + _OF_CHANNEL, {"channel": name})
        number_messages(connection, channel, window, number)
        create = "CREATE OR REPLACE TEMP TABLE message_dealt AS" if is_first else "INSERT INTO message_dealt BY NAME"
        connection.execute(f"{create} SELECT * FROM message_numbered")
        after = connection.execute("SELECT coalesce(max(release_number) + 1, $1) FROM message_numbered", [number])
        number_after = int(after.fetchone()[0])
        if name:
            rows = [(each, name, channel.model_dump_json()) for each in range(number, number_after)]
            connection.executemany("INSERT INTO message_route VALUES (?, ?, ?)", rows)
        is_first, number = False, number_after
    connection.execute("CREATE OR REPLACE TEMP TABLE message_numbered AS SELECT * FROM message_dealt")
    connection.execute("CREATE OR REPLACE TEMP TABLE message_staged AS SELECT * FROM message_whole")


_CELLS = """
SELECT coalesce(m.channel, '') FROM message_staged s
LEFT JOIN cell_moved m ON m.carrier = s.carrier AND m.province = s.province WHERE s.wave <> 'rollout'
"""
_USED = "SELECT DISTINCT * FROM (" + _CELLS + ")"
_OF_CHANNEL = """
SELECT s.* FROM message_whole s LEFT JOIN cell_moved m ON m.carrier = s.carrier AND m.province = s.province
WHERE s.wave <> 'rollout' AND coalesce(m.channel, '') = $channel
"""


def _write_moved(connection: Any, routing: Routing) -> None:
    rows = [(carrier, province, channel.name) for (carrier, province), channel in routing.moved.items()]
    schema = dict.fromkeys(("carrier", "province", "channel"), pl.String)
    connection.register("incoming", pl.DataFrame(rows, schema=schema, orient="row").to_arrow())
    connection.execute("CREATE OR REPLACE TEMP TABLE cell_moved AS SELECT * FROM incoming")
    connection.unregister("incoming")


def keep_standby(connection: Any, plan_id: str, channels: Sequence[ChannelRecord]) -> None:
    """Keep which channels may take over, in order, what a plan's own channel has not sent."""
    rows = [(plan_id, rank, each.name, each.model_dump_json()) for rank, each in enumerate(channels, start=1)]
    if rows:
        connection.executemany("INSERT INTO plan_standby VALUES (?, ?, ?, ?)", rows)


def keep_routes(connection: Any, plan_id: str) -> None:
    """Keep which releases of a plan leave through another channel than its own."""
    connection.execute("INSERT INTO plan_route SELECT ?, number, channel, record FROM message_route", [plan_id])
