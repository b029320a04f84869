"""The sender against a provider that behaves, lies, breaks and comes back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from fakes import ACCEPTED, FakeProvider, phones, put_release

from chuda.clock import FixedClock, to_us
from chuda.errors import ProviderTrouble, Refused
from chuda.keys import Keys
from chuda.providers.protocol import MessageResult, SendResult
from chuda.stores.ledger import Ledger
from chuda.stores.ledger.approvals import digest_release
from chuda.stores.ledger.releases import Control, Release, set_control, state_counts
from chuda.stores.ledger.suppression import Suppression, suppress
from tasks.dispatch.sender import ChannelLimits, Sender, SendReport

LIMITS = ChannelLimits(parts_per_second=1000, is_query_definitive=True, query_grace_s=5)


def run(ledger: Ledger, keys: Keys, clock: FixedClock, provider: FakeProvider, release: Release,
        limits: ChannelLimits = LIMITS, owner: str = "me") -> SendReport:  # fmt: skip
    return asyncio.run(Sender(ledger, keys, clock, provider, limits, owner).send(release))


def counts(ledger: Ledger, plan_id: str = "p1") -> dict[str, int]:
    with ledger.read() as connection:
        return state_counts(connection, plan_id)


def test_everybody_is_messaged_once_and_repeating_changes_nothing(ledger, keys, clock):
    provider = FakeProvider()
    release = put_release(ledger, keys, clock.now(), people=phones(95))
    assert run(ledger, keys, clock, provider, release).stop == "done"
    assert run(ledger, keys, clock, provider, release).stop == "done"
    assert provider.taken == dict.fromkeys(phones(95), 1)
    assert counts(ledger) == {"accepted": 95}


def test_blobs_are_purged_when_their_batch_is_closed(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(20))
    run(ledger, keys, clock, FakeProvider(), release)
    with ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM batch WHERE sealed IS NOT NULL").scalar() == 0


def test_an_opt_out_committed_before_the_claim_is_honoured(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(30))
    gone = phones(30)[7]
    with ledger.write() as connection:
        suppress(connection, [Suppression(keys.token(gone), "marketing", "opt_out", "test", 0, 0)])
    provider = FakeProvider()
    run(ledger, keys, clock, provider, release)
    assert gone not in provider.taken
    assert counts(ledger) == {"accepted": 29, "suppressed": 1}


def test_a_batch_that_loses_everybody_makes_no_request(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    with ledger.write() as connection:
        suppress(connection, [Suppression(keys.token(p), "all", "complaint", "test", 0, 0) for p in phones(10)])
    provider = FakeProvider()
    assert run(ledger, keys, clock, provider, release).stop == "done"
    assert provider.calls == 0
    assert counts(ledger) == {"suppressed": 10}


def test_marketing_opt_out_does_not_stop_a_notification(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10), message_type="notification")
    with ledger.write() as connection:
        suppress(connection, [Suppression(keys.token(phones(10)[0]), "marketing", "opt_out", "t", 0, 0)])
        suppress(connection, [Suppression(keys.token(phones(10)[1]), "all", "opt_out", "t", 0, 0)])
    run(ledger, keys, clock, FakeProvider(), release)
    assert counts(ledger) == {"accepted": 9, "suppressed": 1}


@pytest.mark.parametrize(("hour", "stop"), [(7, "window_closed"), (8, "done"), (20, "done"), (21, "window_closed")])
def test_marketing_leaves_only_from_eight_to_twenty_one(ledger, keys, friday_ten, hour, stop):
    clock = FixedClock(friday_ten.replace(hour=hour))
    release = put_release(ledger, keys, clock.now(), people=phones(10), hours=40, window=(0, 1440))
    provider = FakeProvider()
    report = run(ledger, keys, clock, provider, release)
    assert report.stop == stop
    assert provider.calls == (stop == "done")
    if stop == "window_closed":
        assert report.resume_at.hour == 8


def test_at_the_end_of_the_window_it_stops_in_the_middle_and_resumes_next_day(ledger, keys, friday_ten):
    clock = FixedClock(friday_ten.replace(hour=20, minute=54, second=55))  # 5 minutes are the provider's queue's
    release = put_release(ledger, keys, clock.now(), people=phones(100), hours=40)
    slow = ChannelLimits(parts_per_second=10, is_query_definitive=True)
    provider = FakeProvider()
    report = run(ledger, keys, clock, provider, release, slow)
    assert report.stop == "window_closed"
    assert 0 < sum(provider.taken.values()) < 100
    asyncio.run(clock.sleep_until(report.resume_at))
    assert run(ledger, keys, clock, provider, release, slow).stop == "done"
    assert provider.taken == dict.fromkeys(phones(100), 1)


def test_without_an_approval_of_this_very_plan_nothing_leaves(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10), is_approved=False)
    assert run(ledger, keys, clock, FakeProvider(), release).stop == "not_approved"
    with ledger.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO approval VALUES "
            f"('p1-1', 'other-hash', '{digest_release(release)}', 'x', 'totp', 0, {to_us(clock.now()) + 10**9})"
        )
    assert run(ledger, keys, clock, FakeProvider(), release).stop == "not_approved"


def test_what_was_not_started_in_time_expires(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10), hours=1)
    late = FixedClock(clock.now() + timedelta(hours=1))
    assert run(ledger, keys, late, FakeProvider(), release).stop == "expired"
    assert counts(ledger) == {"expired": 10}


def test_pause_and_cancel_stop_it_and_the_sum_stays(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(100))

    def pause_after_two(calls, _batch, _messages):
        if calls == 2:
            with ledger.write() as connection:
                set_control(connection, "p1", Control("paused", "lunch", "test"), 0)
        return ACCEPTED

    provider = FakeProvider(answer=pause_after_two)
    slow = ChannelLimits(parts_per_second=10)
    assert run(ledger, keys, clock, provider, release, slow).stop == "paused"
    assert counts(ledger) == {"accepted": 20, "planned": 80}
    with ledger.write() as connection:
        set_control(connection, "p1", Control("cancelled", "enough", "test"), 0)
    assert run(ledger, keys, clock, provider, release).stop == "cancelled"
    assert counts(ledger) == {"accepted": 20, "cancelled": 80}
    with pytest.raises(Refused, match="cannot be started again"), ledger.write() as connection:
        set_control(connection, "p1", Control("running", "", "test"), 0)


def test_an_unknown_outcome_is_asked_about_and_never_guessed(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(40))
    timeout = SendResult(MessageResult("unknown", "ReadTimeout"))
    provider = FakeProvider(
        answer=lambda n, _b, _m: timeout if n in (1, 3) else ACCEPTED,
        takes=lambda n, _b: n != 3,  # the first arrived although it timed out, the third never did
    )
    assert run(ledger, keys, clock, provider, release).stop == "done"
    assert provider.taken == dict.fromkeys(phones(40), 1)
    assert counts(ledger) == {"accepted": 40}


def test_where_the_query_is_only_a_hint_absence_is_not_proof(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(20))
    timeout = SendResult(MessageResult("unknown", "ReadTimeout"))
    provider = FakeProvider(answer=lambda n, _b, _m: timeout if n == 1 else ACCEPTED, takes=lambda n, _b: n != 1)
    hint = ChannelLimits(parts_per_second=1000, is_query_definitive=False, query_grace_s=5)
    assert run(ledger, keys, clock, provider, release, hint).stop == "unknown_open"
    assert counts(ledger) == {"accepted": 10, "unknown": 10}
    assert sum(provider.taken.values()) == 10


def test_part_of_a_batch_that_never_arrived_is_sent_again_and_the_rest_is_not(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    lost = {f"p1-1-0.{p}": MessageResult("unknown") for p in (2, 5)}

    def answer(n, _batch, _messages):
        return SendResult(MessageResult("accepted"), lost) if n == 1 else ACCEPTED

    provider = FakeProvider(answer=answer)
    real_send = provider.send

    async def drop_unknowns(batch_id, messages):
        result = await real_send(batch_id, messages)
        if provider.calls == 1:
            for m in messages:
                if m.message_id in lost:
                    provider.taken[m.phone] -= 1
                    provider.by_batch[batch_id].remove(m.message_id)
        return result

    provider.send = drop_unknowns
    assert run(ledger, keys, clock, provider, release).stop == "done"
    assert provider.taken == dict.fromkeys(phones(10), 1)
    assert counts(ledger) == {"accepted": 10}


def test_rejected_members_are_recorded_with_their_code(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    bad = {"p1-1-0.4": MessageResult("rejected", "INVALID_NUMBER")}
    provider = FakeProvider(answer=lambda _n, _b, _m: SendResult(MessageResult("accepted"), bad))
    run(ledger, keys, clock, provider, release)
    assert counts(ledger) == {"accepted": 9, "rejected": 1}


def test_a_dead_provider_ends_in_one_clear_error_and_loses_nothing(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(30))
    refused = SendResult(MessageResult("not_sent", "ConnectError"))
    with pytest.raises(ProviderTrouble, match="in a row"):
        run(ledger, keys, clock, FakeProvider(answer=lambda *_: refused, takes=lambda *_: False), release)
    assert counts(ledger) == {"not_sent": 30}
    provider = FakeProvider()
    asyncio.run(clock.sleep_until(clock.now() + timedelta(minutes=5)))
    assert run(ledger, keys, clock, provider, release).stop == "done"
    assert provider.taken == dict.fromkeys(phones(30), 1)


def test_refused_credentials_stop_the_channel_at_once(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(200))
    refused = SendResult(MessageResult("not_sent", "401"), stop="the provider refused the credentials")
    provider = FakeProvider(answer=lambda *_: refused, takes=lambda *_: False)
    with pytest.raises(ProviderTrouble, match="credentials"):
        run(ledger, keys, clock, provider, release, ChannelLimits(parts_per_second=10))
    assert counts(ledger) == {"not_sent": 10, "planned": 190}


def test_intents_left_by_a_dead_owner_become_unknown_and_are_settled(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(20))

    class Killed(BaseException):
        pass

    def die(_n, _batch, _messages):
        raise Killed

    provider = FakeProvider(answer=die)
    with pytest.raises(Killed):
        run(ledger, keys, clock, provider, release, ChannelLimits(parts_per_second=1000, max_in_flight=1), "first")
    assert "intent" in counts(ledger)
    with ledger.write() as connection:
        connection.exec_driver_sql("UPDATE lease SET pid = 0, expires_us = 0")
    provider = FakeProvider()
    report = run(ledger, keys, clock, provider, release, owner="second")
    assert report.adopted == 1
    assert provider.taken == dict.fromkeys(phones(20), 1)


def test_two_senders_of_one_release_do_not_both_send(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(50))
    with ledger.write() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO lease VALUES ('release:p1-1', 'somebody', 'another-host', 1, 1, {2**62})"
        )
    provider = FakeProvider()
    assert run(ledger, keys, clock, provider, release).stop == "busy"
    assert provider.calls == 0


def test_a_second_plan_of_the_same_occurrence_is_refused(ledger, keys, clock):
    put_release(ledger, keys, clock.now(), people=phones(5))
    with pytest.raises(Refused, match="already released as plan p1"):
        put_release(ledger, keys, clock.now(), people=phones(5), plan_id="p2")


def test_the_rate_counts_parts_and_holds_exactly(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(200))
    start = clock.now()
    moments = []

    def note(_n, _batch, _messages):
        moments.append((clock.now() - start).total_seconds())
        return ACCEPTED

    run(ledger, keys, clock, FakeProvider(answer=note), release, ChannelLimits(parts_per_second=50))
    assert len(moments) == 20
    assert moments[-1] == pytest.approx(19 * 10 / 50, abs=0.11)
    for begin in moments:
        assert sum(10 for m in moments if begin <= m < begin + 1) <= 50 + 10


def test_a_held_up_process_starts_nothing_with_an_old_intent(ledger, keys, friday_ten):
    class HeldUp(FixedClock):
        """Jumps far ahead whenever somebody waits: a process that was suspended."""

        naps = 0

        async def sleep_until(self, moment):
            self.naps += 1
            await super().sleep_until(moment + timedelta(minutes=5) if self.naps == 1 else moment)

    clock = HeldUp(friday_ten)
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    provider = FakeProvider()
    assert run(ledger, keys, clock, provider, release).stop == "done"
    assert provider.taken == dict.fromkeys(phones(10), 1)
    with ledger.read() as connection:
        codes = connection.exec_driver_sql("SELECT code FROM attempt ORDER BY number").scalars().all()
    assert codes == ["stale_intent", ""]


def test_an_approval_that_has_run_out_counts_no_more(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    with ledger.write() as connection:
        connection.exec_driver_sql(f"UPDATE approval SET expires_us = {to_us(clock.now())}")
    assert run(ledger, keys, clock, FakeProvider(), release).stop == "approval_expired"


def test_nothing_leaves_before_its_slot_and_it_says_when(ledger, keys, clock):
    opens_at = clock.now() + timedelta(hours=2)
    release = put_release(ledger, keys, clock.now(), people=phones(10), not_before=opens_at)
    provider = FakeProvider()
    report = run(ledger, keys, clock, provider, release)
    assert (report.stop, report.resume_at, provider.calls) == ("window_closed", opens_at, 0)


def test_an_unknown_is_asked_about_only_after_the_grace(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(10))
    started, asked = clock.now(), []

    class Watched(FakeProvider):
        async def find(self, batch_id, messages, since):
            asked.append(clock.now() - started)
            return await super().find(batch_id, messages, since)

    timeout = SendResult(MessageResult("unknown", "ReadTimeout"))
    run(ledger, keys, clock, Watched(answer=lambda n, _b, _m: timeout if n == 1 else ACCEPTED), release)
    assert asked == [timedelta(seconds=LIMITS.query_grace_s)]


def test_the_pause_a_provider_asks_for_is_kept(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(20))
    moments = []

    def answer(n, _batch, _messages):
        moments.append(clock.now())
        return SendResult(MessageResult("not_sent", "429"), retry_after_s=7) if n == 1 else ACCEPTED

    provider = FakeProvider(answer=answer, takes=lambda n, _b: n != 1)
    one_by_one = ChannelLimits(parts_per_second=1000, max_in_flight=1, is_query_definitive=True)
    assert run(ledger, keys, clock, provider, release, one_by_one).stop == "done"
    assert moments[1] - moments[0] >= timedelta(seconds=6.9)
    assert provider.taken == dict.fromkeys(phones(20), 1)


def test_cancelling_leaves_what_is_in_question_to_be_settled(ledger, keys, clock):
    release = put_release(ledger, keys, clock.now(), people=phones(20))
    timeout = SendResult(MessageResult("unknown", "ReadTimeout"))
    hint = ChannelLimits(parts_per_second=10, max_in_flight=1, query_grace_s=5)

    def answer(_n, _batch, _messages):
        with ledger.write() as connection:
            set_control(connection, "p1", Control("cancelled", "stop", "test"), 0)
        return timeout

    run(ledger, keys, clock, FakeProvider(answer=answer), release, hint)
    assert counts(ledger) == {"accepted": 10, "cancelled": 10}
