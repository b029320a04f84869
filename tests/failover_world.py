"""A workspace with channels on file, one that can be stopped, and releases whose messages others may take over."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import FakeProvider, phones, put_release, start_simulator

from chuda.clock import to_us
from chuda.errors import ProviderTrouble
from chuda.records import load_channel
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger.failover import move_unsent
from chuda.stores.ledger.releases import state_counts
from chuda.workspace import Workspace
from tasks.dispatch.sender import ChannelLimits, Sender
from tasks.dispatch.stage import send_plan

DEMO = Path(__file__).parents[1] / "data/campaigns/channels/demo.yaml"
PEOPLE = 40
GONE = "http://127.0.0.1:9"


@contextmanager
def company_at(tmp_path: Path) -> Iterator[int]:
    """A provider that is open at any hour: the tests' clock stands, its own does not."""
    profile = tmp_path / "profile.yaml"
    profile.write_text("marketing_hours: [0, 24]\nblacklisted_share: 0\n")
    with start_simulator(tmp_path / "company", profile=profile) as port:
        yield port


def channel(workspace: Workspace, name: str, endpoint: str) -> ChannelRecord:
    """A channel on file at an address."""
    path = workspace.settings.campaigns / "channels" / f"{name}.yaml"
    shutil.copyfile(DEMO, path)
    text = path.read_text("utf-8").replace("name: demo", f"name: {name}").replace("http://127.0.0.1:8025", endpoint)
    path.write_text(text, encoding="utf-8")
    return load_channel(path).value


def sealed(workspace: Workspace, main: ChannelRecord, *others: ChannelRecord, batch_size: int = 10):
    standby = json.dumps([each.model_dump_json() for each in others])
    return put_release(workspace.ledger, workspace.keys, workspace.clock.now(), people=phones(PEOPLE),
                       batch_size=batch_size, channel_record=main.model_dump_json(), channel=main.name,
                       standby=standby)  # fmt: skip


def send(workspace: Workspace):
    return asyncio.run(send_plan(workspace, "p1", False))


def counts(workspace: Workspace) -> dict[str, int]:
    with workspace.ledger.read() as connection:
        return state_counts(connection, "p1")


def move(workspace: Workspace, source, target) -> int:
    with workspace.ledger.write() as connection:
        return move_unsent(connection, source, target, "test", to_us(workspace.clock.now()))


def in_part(workspace: Workspace, release, answer, takes=lambda *_: True) -> FakeProvider:
    """Send through the main channel until it answers with trouble."""
    provider = FakeProvider(answer=answer, takes=takes)
    limits = ChannelLimits(parts_per_second=1000, max_in_flight=1, give_up_after=1)
    with pytest.raises(ProviderTrouble):
        asyncio.run(Sender(workspace.ledger, workspace.keys, workspace.clock, provider, limits, "me").send(release))
    return provider


def places(workspace: Workspace) -> set[str]:
    """The releases that have messages."""
    with workspace.ledger.read() as connection:
        return set(connection.exec_driver_sql("SELECT DISTINCT release_id FROM batch").scalars())
