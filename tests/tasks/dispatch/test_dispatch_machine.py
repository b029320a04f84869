"""Everything at once, in any order: senders, crashes, opt-outs, pauses, receipts, time; watched by a checker.

The checker knows nothing of the code: it has its own table of transitions, its own record of what the provider took and
when, and looks at every change of a batch's state through a trigger.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from fakes import ACCEPTED, FakeProvider, phones, put_release
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chuda.clock import BUSINESS_ZONE, FixedClock, to_us
from chuda.errors import ProviderTrouble, Refused
from chuda.keys import Keys
from chuda.providers.protocol import MessageResult, SendResult
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.failover import move_unsent, stand_ins
from chuda.stores.ledger.feedback import ReceiptRow, append_events, close_unanswered
from chuda.stores.ledger.leases import Lease, acquire, give_back
from chuda.stores.ledger.recording import adopt_orphans
from chuda.stores.ledger.releases import Control, find_control, set_control, state_counts
from chuda.stores.ledger.states import TRANSITIONS
from chuda.stores.ledger.suppression import Suppression, suppress
from tasks.dispatch.health import HealthLines
from tasks.dispatch.sender import ChannelLimits, Sender

PEOPLE = 12
BATCH = 3
START = datetime(2026, 11, 20, 20, 30, tzinfo=BUSINESS_ZONE)
# Written down here once more, from the description in docs/reliability.md and not from the code.
LAWFUL = {
    ("planned", "intent"), ("planned", "suppressed"), ("planned", "expired"), ("planned", "cancelled"),
    ("intent", "accepted"), ("intent", "rejected"), ("intent", "not_sent"), ("intent", "unknown"),
    ("unknown", "accepted"), ("unknown", "rejected"), ("unknown", "not_sent"), ("unknown", "unconfirmed"),
    ("not_sent", "intent"), ("not_sent", "suppressed"), ("not_sent", "expired"), ("not_sent", "cancelled"),
    ("not_sent", "accepted"), ("not_sent", "rejected"),
    ("expired", "accepted"), ("expired", "rejected"), ("cancelled", "accepted"), ("cancelled", "rejected"),
}  # fmt: skip
WATCH = """
CREATE TABLE watched (was TEXT, became TEXT);
CREATE TRIGGER watch AFTER UPDATE OF state ON batch WHEN old.state <> new.state
BEGIN INSERT INTO watched VALUES (old.state, new.state); END
"""


class Killed(BaseException):
    """`kill -9`: nothing of the process runs any more."""


class Dispatching(RuleBasedStateMachine):
    """One plan of four batches, and everything that can happen to it."""

    @initialize(definitive=st.booleans())
    def begin(self, definitive):
        self.folder = tempfile.TemporaryDirectory()
        self.keys = Keys(bytes(range(32)), bytes(range(32, 64)))
        self.ledger = open_ledger(Path(self.folder.name) / "ledger.sqlite", self.keys)
        self.clock = FixedClock(START)
        self.limits = ChannelLimits(
            parts_per_second=20, is_query_definitive=definitive, query_grace_s=5, give_up_after=3, max_in_flight=2,
            health=HealthLines(at_least=99),
        )  # fmt: skip
        self.people = phones(PEOPLE)
        self.release = put_release(self.ledger, self.keys, START, people=self.people, batch_size=BATCH, hours=20,
                                   standby=json.dumps([json.dumps({"name": "other"})]))  # fmt: skip
        with self.ledger.write() as connection:
            for statement in WATCH.strip().split(";\n"):
                connection.exec_driver_sql(statement)
        self.stopped: set[str] = set()
        self.broken: list[str] = []
        # Two companies that know nothing of each other; what people received is counted over both.
        self.providers = {"p1-1": FakeProvider(), "p1-1~1": FakeProvider()}
        self.provider = self.providers["p1-1"]
        self.providers["p1-1~1"].taken = self.provider.taken

    def teardown(self):
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()

    def _answer(self, fate, number):
        def answer(count, batch_id, messages):
            self._check(messages)
            if count != number or fate == "accept":
                return ACCEPTED
            if fate == "crash before":
                raise Killed
            if fate == "crash after":
                self._take(batch_id, messages)
                raise Killed
            if fate == "partly":
                ids = [message.message_id for message in messages]
                return SendResult(
                    MessageResult("unknown", "not_named"),
                    {ids[0]: MessageResult("accepted"), ids[-1]: MessageResult("rejected", "X")},
                )
            return SendResult(MessageResult(fate, "X"))

        return answer

    def _take(self, batch_id, messages):
        for message in messages:
            self.provider.taken[message.phone] += 1
            self.provider.by_batch.setdefault(batch_id, []).append(message.message_id)

    def _check(self, messages):
        now = self.clock.now()
        with self.ledger.read() as connection:
            control = find_control(connection, "p1")
        if not 8 <= now.hour < 21:
            self.broken.append(f"started at {now}")
        if control.state != "running":
            self.broken.append(f"started while {control.state}")
        if to_us(now) >= self.release.not_after_us:
            self.broken.append("started after it had expired")
        self.broken += ["started after an opt-out" for message in messages if message.phone in self.stopped]

    @rule(
        fate=st.sampled_from(
            ["accept", "rejected", "not_sent", "unknown", "unknown lost", "partly", "crash before", "crash after"]
        ),
        at=st.integers(1, 3),
        stands_in=st.booleans(),
    )
    def send(self, fate, at, stands_in):
        release = stand_ins(self.release)[0] if stands_in else self.release
        provider = self.provider = self.providers[release.release_id]
        wanted = provider.calls + at
        provider.answer = self._answer(fate.removesuffix(" lost"), wanted)
        provider.takes = lambda count, _batch: not (fate == "unknown lost" and count == wanted)
        sender = Sender(self.ledger, self.keys, self.clock, provider, self.limits, f"owner {provider.calls}")
        try:
            asyncio.run(sender.send(release))
        except (Killed, ProviderTrouble):
            with self.ledger.write() as connection:  # its process is gone
                connection.exec_driver_sql("UPDATE lease SET expires_us = 0")

    @rule(who=st.integers(0, PEOPLE - 1), reason=st.sampled_from(["opt_out", "complaint"]))
    def stop_a_person(self, who, reason):
        with self.ledger.write() as connection:
            suppress(connection, [Suppression(self.keys.token(self.people[who]), "marketing", reason, "test", 0, 0)])
        self.stopped.add(self.people[who])

    @rule(state=st.sampled_from(["paused", "running", "running", "cancelled"]))
    def control(self, state):
        with self.ledger.write() as connection:
            try:
                set_control(connection, "p1", Control(state, "test", "test"), to_us(self.clock.now()))
            except Refused:
                assert find_control(connection, "p1").state == "cancelled"

    @rule(is_back=st.booleans())
    def move_to_the_other_channel(self, is_back):
        way = [self.release, stand_ins(self.release)[0]]
        source, target = reversed(way) if is_back else way
        with self.ledger.write() as connection:
            lease = acquire(connection, f"release:{source.release_id}", "mover", 0)
            assert isinstance(lease, Lease)
            adopt_orphans(connection, lease, source.release_id, to_us(self.clock.now()))
            move_unsent(connection, source, target, "test", to_us(self.clock.now()))
            give_back(connection, lease)

    @precondition(lambda self: any(each.by_batch for each in self.providers.values()))
    @rule(pick=st.integers(0, 99), status=st.sampled_from(["delivered", "failed"]))
    def receipt(self, pick, status):
        ids = [one for each in self.providers.values() for members in each.by_batch.values() for one in members]
        batch_id, _, position = ids[pick % len(ids)].rpartition(".")
        now_us = to_us(self.clock.now())
        row = ReceiptRow("demo", batch_id, int(position), "t", status, "0", 1, now_us, now_us)
        with self.ledger.write() as connection:
            append_events(connection, [row])

    @rule(minutes=st.sampled_from([1, 20, 600, 24 * 60]))
    def wait(self, minutes):
        asyncio.run(self.clock.sleep_until(self.clock.now() + timedelta(minutes=minutes)))
        now_us = to_us(self.clock.now())
        with self.ledger.write() as connection:
            close_unanswered(connection, now_us - 72 * 3600 * 10**6, now_us)

    @invariant()
    def the_sum_is_the_plan(self):
        if hasattr(self, "ledger"):
            with self.ledger.read() as connection:
                counts = state_counts(connection, "p1")
            assert sum(counts.values()) == PEOPLE, counts
            assert set(counts) <= {*TRANSITIONS, "delivered", "failed"}

    @invariant()
    def nobody_is_taken_twice_and_nothing_started_that_must_not(self):
        if hasattr(self, "ledger"):
            assert all(count == 1 for count in self.provider.taken.values()), self.provider.taken
            assert self.broken == []

    @invariant()
    def states_follow_the_table(self):
        if hasattr(self, "ledger"):
            with self.ledger.read() as connection:
                seen = {tuple(row) for row in connection.exec_driver_sql("SELECT DISTINCT was, became FROM watched")}
            assert seen <= LAWFUL, seen - LAWFUL


def test_the_table_in_the_code_is_the_one_that_is_checked():
    assert {(old, new) for old, following in TRANSITIONS.items() for new in following} == LAWFUL


TestDispatching = Dispatching.TestCase
TestDispatching.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
