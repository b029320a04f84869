"""What is claimed ahead, when it leaves, and that a pause or a refusal holds back what has not left."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
from fakes import ACCEPTED, FakeProvider, phones, put_release

from chuda.clock import FixedClock, RealClock
from chuda.errors import ProviderTrouble
from chuda.providers.protocol import MessageResult, SendResult
from chuda.stores.ledger.dispatching import HORIZON_US, Claim
from chuda.stores.ledger.recording import RequestOutcome
from chuda.stores.ledger.releases import state_counts
from tasks.dispatch.sender import ChannelLimits, Sender
from tasks.dispatch.sender_flight import STALE_AFTER, Flight, Gate, Pace


class Running(FixedClock):
    """A clock set by hand that counts as running."""

    kind = "real"

    def pass_by(self, seconds: float) -> None:
        self._moment += timedelta(seconds=seconds)


def claim_at(clock, number=0, parts=10, later_s=0.0) -> Claim:
    return Claim(f"b-{number}", 1, (0,), parts, b"", clock.now() + timedelta(seconds=later_s))


def test_only_what_leaves_within_the_horizon_is_claimed_ahead(friday_ten):
    clock = Running(friday_ten)
    pace = Pace(clock, 32)
    assert (pace.most, pace.few) == (32, 31)
    clock.pass_by(0.5)
    pace.count(1000)
    assert pace.most == 32 + 2000 * HORIZON_US // 1_000_000
    assert 32 <= pace.few < pace.most
    clock.pass_by(1)
    pace.count(10)  # the provider became slow: what waits must not grow old
    assert pace.most == 33


def test_in_simulated_time_nothing_is_claimed_ahead(clock):
    pace = Pace(clock, 1)
    pace.count(1000)
    assert (pace.most, pace.few) == (1, 0)


def test_after_a_hold_up_the_late_ones_leave_at_the_rate(friday_ten):
    clock = Running(friday_ten)
    gate = Gate(clock, 100)

    async def passing() -> list[float]:
        waiting = [claim_at(clock, number, later_s=number / 10) for number in range(4)]
        clock.pass_by(0.35)
        return [(await gate.pass_at(one) - friday_ten).total_seconds() for one in waiting]

    moments = asyncio.run(passing())
    assert moments[0] == pytest.approx(0.35)
    # The first was late by more than its share, so the next makes up for at most nine tenths of one.
    assert [b - a for a, b in pairwise(moments)] == pytest.approx([0.01, 0.1, 0.1])


def test_whatever_the_hold_ups_no_second_sees_more_than_the_rate_and_one_request(friday_ten):
    clock = Running(friday_ten)
    gate, moments = Gate(clock, 100), []

    async def passing() -> None:
        for number in range(60):
            clock.pass_by((0.0, 0.3, 0.004, 0.09, 0.0, 0.05)[number % 6])
            moments.append(await gate.pass_at(claim_at(clock, number)))

    asyncio.run(passing())
    for begin in moments:
        assert sum(10 for moment in moments if begin <= moment < begin + timedelta(seconds=1)) <= 100 + 10


def test_an_intent_that_grew_old_does_not_leave(friday_ten):
    clock = Running(friday_ten)
    one = claim_at(clock)
    clock.pass_by(STALE_AFTER.total_seconds() + 0.01)
    assert asyncio.run(Gate(clock, 100).pass_at(one)) is None


def test_a_flight_gives_back_every_outcome_and_keeps_what_broke(clock):
    async def fine(number: int) -> RequestOutcome:
        return RequestOutcome(f"b-{number}", 1, "accepted")

    async def broken() -> RequestOutcome:
        raise ValueError("why")

    async def scenario() -> Flight:
        flight = Flight()
        for number in range(3):
            flight.launch(claim_at(clock, number), fine(number))
        flight.launch(claim_at(clock, 3), broken())
        await flight.wait(0, 5)
        return flight

    flight = asyncio.run(scenario())
    assert len(flight) == 0
    assert {one.batch_id: one.outcome for one in flight.outcomes} == {
        "b-0": "accepted", "b-1": "accepted", "b-2": "accepted", "b-3": "unknown",
    }  # fmt: skip
    assert isinstance(flight.error, ValueError)


def run(ledger, keys, provider, release, limits):
    return asyncio.run(Sender(ledger, keys, RealClock(), provider, limits, "me").send(release))


def put(ledger, keys, people: int):
    # A message type without hours: this is about real time.
    return put_release(
        ledger, keys, RealClock().now(), people=phones(people), batch_size=1, message_type="otp", window=(0, 1440)
    )


def counts(ledger):
    with ledger.read() as connection:
        return state_counts(connection, "p1")


def test_everybody_is_messaged_once_however_many_are_claimed_ahead(ledger, keys):
    provider = FakeProvider()
    report = run(ledger, keys, provider, put(ledger, keys, 400), ChannelLimits(parts_per_second=1e6, max_in_flight=4))
    assert report.stop == "done"
    assert provider.taken == dict.fromkeys(phones(400), 1)
    assert counts(ledger) == {"accepted": 400}


def test_what_was_claimed_but_has_not_left_when_the_account_is_refused_does_not_leave(ledger, keys):
    refused = SendResult(MessageResult("not_sent", "401"), stop="the provider refused the credentials")
    provider = FakeProvider(answer=lambda number, *_: ACCEPTED if number < 150 else refused,
                            takes=lambda number, _: number < 150)  # fmt: skip
    with pytest.raises(ProviderTrouble, match="credentials"):
        run(ledger, keys, provider, put(ledger, keys, 600), ChannelLimits(parts_per_second=1e6, max_in_flight=1))
    assert provider.calls == 150
    found = counts(ledger)
    assert found.pop("accepted") == 149
    assert sum(found.values()) == 451
    assert set(found) <= {"planned", "not_sent"}


def test_what_was_claimed_does_not_leave_through_a_provider_that_fails_again_and_again(ledger, keys):
    broken = SendResult(MessageResult("unknown", "ReadError"))
    provider = FakeProvider(answer=lambda number, *_: ACCEPTED if number < 150 else broken)
    limits = ChannelLimits(parts_per_second=1e6, max_in_flight=1, give_up_after=5)
    with pytest.raises(ProviderTrouble, match="5 requests in a row"):
        run(ledger, keys, provider, put(ledger, keys, 600), limits)
    assert provider.calls == 154
    assert counts(ledger)["unknown"] == 5


def test_what_was_claimed_waits_when_the_provider_asks_for_a_pause(ledger, keys):
    moments = []

    def answer(number, *_):
        moments.append(RealClock().now())
        return SendResult(MessageResult("not_sent", "429"), retry_after_s=0.6) if number == 100 else ACCEPTED

    provider = FakeProvider(answer=answer, takes=lambda number, _: number != 100)
    run(ledger, keys, provider, put(ledger, keys, 200), ChannelLimits(parts_per_second=1e6, max_in_flight=1))
    assert (moments[100] - moments[99]).total_seconds() >= 0.59
    assert provider.taken == dict.fromkeys(phones(200), 1)
