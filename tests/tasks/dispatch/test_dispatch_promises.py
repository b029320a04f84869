"""What must hold whatever happens between the transactions: late answers, hold-ups, closed plans, races."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from fakes import ACCEPTED, FakeProvider, phones, put_release

from chuda.clock import FixedClock, to_us
from chuda.errors import ProviderTrouble
from chuda.providers.protocol import MessageResult, SendResult
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.dispatching import Moment, claim
from chuda.stores.ledger.leases import Lease, acquire
from chuda.stores.ledger.recording import RequestOutcome, adopt_orphans, record
from chuda.stores.ledger.releases import Control, due_plans, marketing_releases_between, set_control, state_counts
from chuda.stores.ledger.suppression import Suppression, remember_alternates, suppress, suppressed_among
from chuda.stores.ledger.throttle import RateLimits, Throttle
from tasks.dispatch.health import HealthLines
from tasks.dispatch.sender import ChannelLimits, Sender, SendReport

LIMITS = ChannelLimits(parts_per_second=1000, is_query_definitive=True, query_grace_s=5)
HINT = ChannelLimits(parts_per_second=1000, is_query_definitive=False, query_grace_s=5)
UNKNOWN = SendResult(MessageResult("unknown", "ReadTimeout"))
RATES = RateLimits("demo", 100)


def run(ledger, keys, clock, provider, release, limits=LIMITS) -> SendReport:
    return asyncio.run(Sender(ledger, keys, clock, provider, limits, "me").send(release))


def counts(ledger, plan_id="p1"):
    with ledger.read() as connection:
        return state_counts(connection, plan_id)


def control(ledger, state, at_us=0):
    with ledger.write() as connection:
        set_control(connection, "p1", Control(state, "why", "test"), at_us)


def opt_out(ledger, token):
    with ledger.write() as connection:
        suppress(connection, [Suppression(token, "marketing", "opt_out", "test", 0, 0)])


class Held(FixedClock):
    """A clock of a process that oversleeps the first time it waits, and what happens meanwhile."""

    def __init__(self, moment, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> None:
        super().__init__(moment)
        self.late, self.meanwhile = timedelta(seconds=seconds), meanwhile

    async def sleep_until(self, moment):
        late, self.late = self.late, timedelta(0)
        if late:
            self.meanwhile()
        await super().sleep_until(moment + late)


class Moving(FixedClock):
    """A clock that also moves while somebody works."""

    def work(self, seconds: float) -> None:
        self._moment += timedelta(seconds=seconds)


def started_by(ledger, clock, release, owner="1") -> Lease:
    """A sender that claimed and then hung, its lease run out."""
    us = to_us(clock.now())
    with ledger.write() as connection:
        lease = acquire(connection, f"release:{release.release_id}", owner, us)
        assert claim(connection, lease, release, RATES, Moment(clock.now(), us, us), 10).started
        connection.exec_driver_sql("UPDATE lease SET expires_us = 0")
    return lease


def test_a_late_acceptance_beats_the_conclusion_that_it_was_absent(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(1))
    started_by(ledger, clock, release)
    us = to_us(clock.now())
    with ledger.write() as connection:
        second = acquire(connection, "release:p1-1", "2", us)
        assert adopt_orphans(connection, second, "p1-1", us) == 1
        record(connection, [RequestOutcome("p1-1-0", 1, "not_sent", "absent")], us)
        assert record(connection, [RequestOutcome("p1-1-0", 1, "accepted")], us)
        later = Moment(clock.now() + timedelta(seconds=1), us + 10**6, us + 10**6)
        assert not claim(connection, second, release, RATES, later, 10).started
    assert counts(ledger) == {"accepted": 1}


def test_a_late_answer_that_names_some_as_accepted_keeps_them_from_being_sent_again(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(3))
    started_by(ledger, clock, release)
    us = to_us(clock.now())
    with ledger.write() as connection:
        second = acquire(connection, "release:p1-1", "2", us)
        adopt_orphans(connection, second, "p1-1", us)
        record(connection, [RequestOutcome("p1-1-0", 1, "not_sent", "absent")], us)
        record(connection, [RequestOutcome("p1-1-0", 1, "unknown", "not_named", {1: ("accepted", "")})], us)
        later = Moment(clock.now() + timedelta(seconds=1), us + 10**6, us + 10**6)
        (again,) = claim(connection, second, release, RATES, later, 10).started
    assert again.positions == (0, 2)


def test_a_late_acceptance_is_told_even_of_a_cancelled_plan(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(2))
    lease = started_by(ledger, clock, release)
    us = to_us(clock.now())
    with ledger.write() as connection:
        record(connection, [RequestOutcome("p1-1-0", 1, "not_sent", "absent")], us)
        set_control(connection, "p1", Control("cancelled", "why", "test"), us)
        assert record(connection, [RequestOutcome("p1-1-0", 1, "accepted")], us)
    assert counts(ledger) == {"accepted": 2}
    assert lease.epoch == 1


@pytest.mark.parametrize("first", ["accepted", "rejected"])
@pytest.mark.parametrize("then", ["accepted", "rejected", "not_sent", "unknown"])
def test_nothing_replaces_a_certainty(ledger, keys, clock, first, then):
    release = put_release(ledger, keys, clock.now(), people=phones(2))
    started_by(ledger, clock, release)
    with ledger.write() as connection:
        assert record(connection, [RequestOutcome("p1-1-0", 1, first)], 0)
        assert not record(connection, [RequestOutcome("p1-1-0", 1, then)], 1)
    assert counts(ledger) == {first: 2}


def test_an_answer_to_an_earlier_attempt_does_not_settle_the_present_one(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(2))
    lease = started_by(ledger, clock, release)
    us = to_us(clock.now()) + 10**6
    with ledger.write() as connection:
        record(connection, [RequestOutcome("p1-1-0", 1, "not_sent", "absent")], us)
        moment = Moment(clock.now() + timedelta(seconds=1), us, us)
        assert claim(connection, lease, release, RATES, moment, 10).started
        record(connection, [RequestOutcome("p1-1-0", 1, "accepted")], us)  # twice accepted: told, not hidden
        assert connection.exec_driver_sql("SELECT outcome FROM attempt WHERE number = 1").scalar() == "accepted"
    assert counts(ledger) == {"intent": 2}


def test_a_receipt_proves_acceptance_before_a_resend(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(3))
    lease = started_by(ledger, clock, release)
    us = to_us(clock.now()) + 10**6
    with ledger.write() as connection:
        record(connection, [RequestOutcome("p1-1-0", 1, "not_sent", "absent")], us)
        connection.exec_driver_sql(
            "INSERT INTO receipt (channel, batch_id, position, token, status, code, parts, reported_us, received_us) "
            "VALUES ('demo', 'p1-1-0', 1, 't', 'delivered', '0', 1, 0, 0)"
        )
        (again,) = claim(
            connection, lease, release, RATES, Moment(clock.now() + timedelta(seconds=1), us, us), 1
        ).started
    assert again.positions == (0, 2)


def test_the_grace_counts_from_the_end_of_the_request(ledger, keys, friday_ten):
    """We gave up after 10 s, the provider took it a second later: its query is believed only after that."""
    clock = Moving(friday_ten)
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    provider = FakeProvider(takes=lambda number, _batch: number != 1)
    late: dict[str, object] = {}

    def answer(number, batch_id, messages):
        if number > 1:
            return ACCEPTED
        clock.work(10)
        late.update(at=clock.now() + timedelta(seconds=1), batch=batch_id, messages=messages)
        return UNKNOWN

    async def find(batch_id, _messages, _since):
        if late and clock.now() >= late["at"]:
            for message in late["messages"]:
                provider.taken[message.phone] += 1
                provider.by_batch.setdefault(batch_id, []).append(message.message_id)
            late.clear()
        return {name: MessageResult("accepted") for name in provider.by_batch.get(batch_id, [])}

    provider.answer, provider.find = answer, find
    run(ledger, keys, clock, provider, release)
    assert provider.taken == dict.fromkeys(phones(10), 1)
    assert not late


def test_nothing_starts_close_to_the_end_of_the_window_however_long_the_process_was_held_up(ledger, keys, friday_ten):
    clock = Held(friday_ten.replace(hour=20, minute=54, second=59), 0.4)
    clock.late = timedelta(seconds=1.2)
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    provider = FakeProvider()
    run(ledger, keys, clock, provider, release)
    assert not provider.taken


def test_an_opt_out_during_a_hold_up_is_honoured(ledger, keys, friday_ten):
    who = phones(1)[0]
    clock = Held(friday_ten, 0.6, lambda: opt_out(ledger, keys.token(who)))
    release = put_release(ledger, keys, friday_ten, people=[who])
    provider = FakeProvider()
    run(ledger, keys, clock, provider, release)
    assert not provider.taken
    assert counts(ledger) == {"suppressed": 1}


def test_after_a_hold_up_the_late_ones_do_not_leave_all_at_once(ledger, keys, friday_ten):
    clock, at = Held(friday_ten, 0.4), []
    release = put_release(ledger, keys, clock.now(), people=phones(200), batch_size=1)
    provider = FakeProvider(answer=lambda *_: (at.append(clock.now()), ACCEPTED)[1])
    run(ledger, keys, clock, provider, release, ChannelLimits(parts_per_second=100))
    assert max(sum(first <= one < first + timedelta(seconds=1) for one in at) for first in at) <= 101


@pytest.mark.parametrize("how", ["expired", "cancelled"])
def test_the_unknowns_of_a_closed_release_are_asked_about(ledger, keys, friday_ten, how):
    clock = Moving(friday_ten)
    release = put_release(ledger, keys, clock.now(), people=phones(20), hours=1)

    def answer(number, _batch, _messages):
        if number == 1:
            clock.work(7200) if how == "expired" else control(ledger, "cancelled")
        return UNKNOWN

    provider = FakeProvider(answer=answer)
    limits = ChannelLimits(parts_per_second=1, is_query_definitive=True, query_grace_s=5)
    assert run(ledger, keys, clock, provider, release, limits).stop == how
    assert counts(ledger) == {"accepted": 10, how: 10}


def test_what_comes_back_unsent_to_a_cancelled_plan_is_closed_and_its_blob_purged(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10))

    def answer(*_):
        control(ledger, "cancelled")
        return SendResult(MessageResult("not_sent", "429"), retry_after_s=1)

    assert run(ledger, keys, clock, FakeProvider(answer=answer), release).stop == "cancelled"
    assert counts(ledger) == {"cancelled": 10}
    with ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM batch WHERE sealed IS NOT NULL").scalar() == 0


def test_a_paused_plan_past_its_end_expires_and_the_schedule_comes_for_it(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10), hours=1)
    control(ledger, "paused")
    later = clock.now() + timedelta(days=2)
    with ledger.read() as connection:
        assert due_plans(connection, to_us(clock.now())) == []
        assert due_plans(connection, to_us(later)) == ["p1"]
    run(ledger, keys, FixedClock(later), FakeProvider(), release)
    assert counts(ledger) == {"expired": 10}


def test_a_paused_plan_with_an_open_question_is_due_until_it_is_settled(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    started_by(ledger, clock, release)
    control(ledger, "paused")
    with ledger.read() as connection:
        assert due_plans(connection, to_us(clock.now())) == ["p1"]
    later = FixedClock(clock.now() + timedelta(minutes=1))
    assert run(ledger, keys, later, FakeProvider(), release).stop == "paused"
    assert counts(ledger) == {"unknown": 10}, "asked about only after its grace, and a pause is not held up by that"
    assert run(ledger, keys, FixedClock(later.now() + timedelta(minutes=1)), FakeProvider(), release).stop == "paused"
    assert counts(ledger) == {"not_sent": 10}


def test_an_answer_survives_a_ledger_that_is_busy_when_it_is_to_be_written(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10))

    class Busy:
        """The ledger, but its third writing transaction (after acquiring and claiming) does not come about."""

        def __init__(self):
            self.writes = 0

        def __getattr__(self, name):
            return getattr(ledger, name)

        def write(self):
            self.writes += 1
            if self.writes == 3:
                raise ProviderTrouble("database is locked")
            return ledger.write()

    with pytest.raises(ProviderTrouble, match="locked"):
        run(Busy(), keys, clock, FakeProvider(), release, HINT)
    assert counts(ledger) == {"accepted": 10}


def test_one_request_that_breaks_does_not_lose_the_answers_to_the_others(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(50))

    def answer(number, _batch, _messages):
        if number == 3:
            raise KeyError("odd")
        return ACCEPTED

    with pytest.raises(KeyError):
        run(ledger, keys, clock, FakeProvider(answer=answer), release, HINT)
    assert counts(ledger) == {"accepted": 40, "unknown": 10}


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e12, -5.0])
def test_an_absurd_pause_asked_for_is_an_hour_at_most(ledger, keys, clock, seconds):
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    refused = SendResult(MessageResult("not_sent", "429"), retry_after_s=seconds)
    provider = FakeProvider(answer=lambda number, *_: refused if number == 1 else ACCEPTED)
    assert run(ledger, keys, clock, provider, release).stop == "done"
    assert counts(ledger) == {"accepted": 10}


def test_a_request_ends_within_its_deadline_and_is_then_unknown(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10))

    class Hanging(FakeProvider):
        async def send(self, batch_id, messages):
            await asyncio.sleep(60)

    limits = ChannelLimits(parts_per_second=1000, request_deadline_s=0.05, query_grace_s=1)
    assert run(ledger, keys, clock, Hanging(), release, limits).stop == "unknown_open"
    assert counts(ledger) == {"unknown": 10}


def test_an_opt_out_of_a_further_number_stops_the_person(ledger, keys, clock):
    person, further = keys.token(phones(2)[0]), keys.token(phones(2)[1])
    release = put_release(ledger, keys, clock.now(), people=phones(1))
    with ledger.write() as connection:
        remember_alternates(connection, [(person, further), (person, further)])
    opt_out(ledger, further)
    provider = FakeProvider()
    run(ledger, keys, clock, provider, release)
    assert not provider.taken
    with ledger.read() as connection:
        assert suppressed_among(connection, [person], "notification") == set()


def test_an_open_question_reserves_a_place_under_the_weekly_cap(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(1), hours=72)
    run(ledger, keys, clock, FakeProvider(answer=lambda *_: UNKNOWN, takes=lambda *_: False), release, HINT)
    day_two = to_us(clock.now() + timedelta(days=2))
    with ledger.read() as connection:
        assert marketing_releases_between(connection, day_two, day_two + 1) == {"p1-1"}


def test_receipts_for_places_that_do_not_exist_change_no_sum(ledger, keys, clock):
    put_release(ledger, keys, clock.now(), people=phones(2))
    with ledger.write() as connection:
        for position in (-1, 2, 7):
            connection.exec_driver_sql(
                "INSERT INTO receipt (channel, batch_id, position, token, status, code, parts, reported_us, "
                f"received_us) VALUES ('demo', 'p1-1-0', {position}, 't', 'delivered', '0', 1, 0, 0)"
            )
    assert counts(ledger) == {"planned": 2}


@pytest.mark.parametrize("state", ["rejected", "unknown"])
def test_a_campaign_pauses_itself_when_too_much_goes_wrong_and_says_why(ledger, keys, clock, state):
    release = put_release(ledger, keys, clock.now(), people=phones(200))
    odd = SendResult(MessageResult(state, "odd"))
    limits = ChannelLimits(parts_per_second=100, max_in_flight=1, give_up_after=99, health=HealthLines(0.2, 20, 0))
    provider = FakeProvider(answer=lambda number, *_: odd if number > 5 else ACCEPTED)
    assert run(ledger, keys, clock, provider, release, limits).stop == "paused"
    assert counts(ledger)["planned"] > 50
    with ledger.read() as connection:
        row = connection.exec_driver_sql("SELECT reason, by FROM control").one()
    assert state in row.reason
    assert row.by == "chuda"


def test_what_a_person_has_seen_does_not_pause_it_again(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(60))
    limits = ChannelLimits(parts_per_second=100, max_in_flight=1, health=HealthLines(0.2, 20, 0))
    odd = SendResult(MessageResult("rejected", "odd"))
    provider = FakeProvider(answer=lambda number, *_: odd if number <= 3 else ACCEPTED)
    assert run(ledger, keys, clock, provider, release, limits).stop == "paused"
    control(ledger, "running", to_us(clock.now()) + 1)
    assert run(ledger, keys, clock, provider, release, limits).stop == "done"
    assert counts(ledger)["accepted"] >= 30


def test_a_minute_and_a_day_are_limits_too_and_shared_by_the_account(ledger, keys, clock):
    limits = ChannelLimits(parts_per_second=100, parts_per_minute=120, parts_per_day=150, account="generic:a")
    first = put_release(ledger, keys, clock.now(), people=phones(100), hours=40)
    second = put_release(ledger, keys, clock.now(), people=phones(100), hours=40, plan_id="p2", occurrence="later")
    started = clock.now()
    run(ledger, keys, clock, FakeProvider(), first, limits)
    assert clock.now() - started >= timedelta(seconds=44)
    report = run(ledger, keys, clock, FakeProvider(), second, limits)
    assert (report.stop, counts(ledger, "p2")) == ("daily_limit", {"accepted": 50, "planned": 50})
    assert report.resume_at.hour == 0
    asyncio.run(clock.sleep_until(report.resume_at + timedelta(hours=8)))
    assert run(ledger, keys, clock, FakeProvider(), second, limits).stop == "done"


def test_a_refusal_halves_the_rate_once_and_it_grows_back(ledger):
    def gap(now_us):
        with ledger.write() as connection:
            throttle = Throttle(connection, RateLimits("a", 100), now_us, clock_day)
            throttle.book(now_us, 1)
            return throttle.next_departure(now_us) - now_us

    clock_day = FixedClock(datetime.fromisoformat("2026-11-20T10:00+08:00")).now().date()
    start = 10**9
    assert gap(start) == 10_000
    for _ in range(5):  # refused together: one incident
        with ledger.write() as connection:
            throttle = Throttle(connection, RateLimits("a", 100), start, clock_day)
            throttle.slow_down(start, start)
            throttle.save()
    assert gap(start) == 20_000
    assert gap(start + 25_000_000) == round(10_000 * 100 / 75)
    assert gap(start + 60_000_000) == 10_000


def test_what_stops_a_message_waits_for_the_transaction_that_starts_it_and_none_slips_between(ledger, keys, clock):
    """On both stores one writer at a time: an opt-out is committed either before the check or after the intent."""
    release = put_release(ledger, keys, clock.now(), people=phones(1))
    us, order = to_us(clock.now()), []

    def refuse():
        opt_out(ledger, keys.token(phones(1)[0]))
        order.append("opt-out")

    other = threading.Thread(target=refuse)
    with ledger.write() as connection:
        lease = acquire(connection, "release:p1-1", "1", us)
        assert claim(connection, lease, release, RATES, Moment(clock.now(), us, us), 10).started
        other.start()
        other.join(0.3)
        order.append("intent")
    other.join()
    assert order == ["intent", "opt-out"]


def test_reading_is_one_view(ledger, keys, clock):
    put_release(ledger, keys, clock.now(), people=phones(3))
    with ledger.read() as connection:
        before = state_counts(connection, "p1")
        control(ledger, "cancelled")
        assert state_counts(connection, "p1") == before


def test_an_error_of_the_store_carries_no_data(ledger):
    with pytest.raises(ProviderTrouble) as caught, ledger.write() as connection:
        connection.exec_driver_sql("INSERT INTO reply (channel, token, text) VALUES ('x', 'TOKEN', '我住某某路')")
    shown = f"{caught.value} {caught.value.__cause__!r}"
    assert "某某路" not in shown
    assert "TOKEN" not in shown


def test_four_machines_may_open_a_new_ledger_at_once(keys, request):
    url, errors = request.getfixturevalue("postgres")(), []

    def first_start():
        try:
            open_ledger(url, keys).close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=first_start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
