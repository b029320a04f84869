"""What is claimed ahead, when it leaves, and that a pause or a refusal holds back what has not left."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from itertools import pairwise

import pytest
from fakes import ACCEPTED, FakeProvider, phones, put_release

from chuda.clock import FixedClock, RealClock
from chuda.errors import ProviderTrouble
from chuda.providers.leaving import is_allowed_to_leave
from chuda.providers.protocol import MessageResult, SendResult
from chuda.stores.ledger.dispatching import HORIZON_US, Claim
from chuda.stores.ledger.recording import RequestOutcome
from chuda.stores.ledger.releases import Control, set_control, state_counts
from chuda.stores.ledger.throttle import RateLimits, Throttle
from tasks.dispatch.sender import ChannelLimits, Sender
from tasks.dispatch.sender_flight import STALE_AFTER, Flight, Gate, GivenBack, Pace, unused_parts


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


@pytest.mark.parametrize(
    ("parts", "rate", "late_s"), [(10, 500, 0.016), (3, 500, 0.004), (1, 300, 0.004), (1, 1e6, 0.5)]
)
def test_who_has_a_claim_may_be_late_by_less_than_the_rate_and_one_request_allow(
    ledger, friday_ten, parts, rate, late_s
):
    with ledger.write() as connection:
        throttle = Throttle(connection, RateLimits("a", rate), 10**15, friday_ten.date())
        late_us = throttle.lateness_us(throttle.book(10**15, parts), parts)
    assert late_us == round(late_s * 1e6)


@pytest.mark.parametrize(
    ("parts", "rate"), [(10, 500), (3, 500), (1, 300), (1, 250), (20, 30_000), (1, 2_000), (1, 20_000)]
)
def test_all_that_may_be_late_being_late_no_second_sees_more_than_the_rate_and_one_request(
    ledger, friday_ten, parts, rate
):
    start, begins = 10**15, 10**15 + 10**6
    with ledger.write() as connection:
        throttle = Throttle(connection, RateLimits("a", rate), start, friday_ten.date())
        booked = []
        while not booked or booked[-1][0] < start + 3 * 10**6:
            departure = throttle.book(start, parts)
            booked.append((departure, throttle.lateness_us(departure, parts)))
    # The worst: what was booked before a second waits for it as long as it may, the rest is punctual.
    seen = sum(parts for at, late in booked if begins - late <= at < begins + 10**6)
    assert seen <= rate + parts
    assert (len(booked) - 1) * parts / ((booked[-1][0] - start) / 1e6) >= rate * (
        0.99 if rate <= 10_000 * parts else 0.95
    )


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


def test_what_was_late_gives_its_place_back_and_its_parts_to_the_day(ledger, keys):
    """A stop between claim and gate: the requests are booked anew, and the day's count holds what really left."""

    class HeldUp(FakeProvider):
        async def send(self, batch_id, messages):
            if self.calls == 5:
                time.sleep(0.2)
            return await super().send(batch_id, messages)

    provider = HeldUp()
    limits = ChannelLimits(parts_per_second=200, parts_per_day=50, account="acc")
    assert run(ledger, keys, provider, put(ledger, keys, 50), limits).stop == "done"
    assert provider.taken == dict.fromkeys(phones(50), 1)
    with ledger.read() as connection:
        stale = connection.exec_driver_sql("SELECT count(*) FROM attempt WHERE code = 'stale_intent'").scalar_one()
        assert connection.exec_driver_sql("SELECT sum(parts) FROM day_quota").scalar_one() == 50
    assert stale > 0


def test_a_process_stopped_while_it_unseals_does_not_send_what_was_cancelled_meanwhile(ledger, keys):
    class Stopped(Sender):
        def _open(self, sealed, release):
            with self._ledger.write() as connection:
                set_control(connection, "p1", Control("cancelled", "why", "who"), 0)
            time.sleep(0.6)
            return super()._open(sealed, release)

    provider, release = FakeProvider(), put(ledger, keys, 1)
    sender = Stopped(ledger, keys, RealClock(), provider, ChannelLimits(parts_per_second=1e6), "me")
    assert asyncio.run(sender.send(release)).stop == "cancelled"
    assert provider.calls == 0


def test_a_process_stopped_behind_the_gate_is_held_back_at_the_socket(ledger, keys):
    class Slow(FakeProvider):
        """Stands for an adapter: what it does before it writes takes long the first time."""

        held_back = 0

        async def send(self, batch_id, messages):
            if not self.held_back:
                time.sleep(0.6)
            if is_allowed_to_leave():
                return await super().send(batch_id, messages)
            self.held_back += 1
            return SendResult(MessageResult("not_sent", "ConnectError"))

    provider = Slow()
    limits = ChannelLimits(parts_per_second=1e6, give_up_after=1)  # it is no failure of the provider
    assert run(ledger, keys, provider, put(ledger, keys, 1), limits).stop == "done"
    assert (provider.held_back, provider.calls) == (1, 1)
    with ledger.read() as connection:
        codes = connection.exec_driver_sql("SELECT code FROM attempt ORDER BY number").scalars().all()
    assert codes == ["stale_intent", ""]


def test_who_comes_too_late_claims_less_ahead_and_books_earlier(friday_ten):
    clock = Running(friday_ten)
    pace = Pace(clock, 32)
    clock.pass_by(0.5)
    pace.count(1000)
    pace.count(0, stale=3)
    assert (pace.most, pace.lead_us) == (32, 0)  # they waited for a place on the wire
    for lead_us in (5_000, 10_000):
        pace.count(0, stale=1)
        assert pace.lead_us == lead_us
    for _ in range(2_000):
        pace.count(1)
    assert pace.lead_us == 0


def test_nothing_is_given_back_to_a_day_that_may_not_be_its_own(friday_ten):
    midnight = friday_ten.replace(hour=0) + timedelta(milliseconds=50)
    claims = [Claim("b", 1, (0,), 7, b"", moment) for moment in (friday_ten, friday_ten, midnight)]
    assert unused_parts(map(GivenBack.of, claims)) == {friday_ten.date(): 14}
