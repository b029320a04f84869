"""Codes and notifications: the same promises as marketing, in a ledger of their own, held up by nobody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fakes import ACCEPTED, FakeProvider, phones

from chuda.clock import BUSINESS_ZONE, FixedClock
from chuda.errors import ProviderTrouble, Refused, UsageError
from chuda.providers.protocol import MessageResult, SendResult
from chuda.records.business import BusinessRecord
from chuda.records.channel import ChannelRecord
from chuda.settings import Settings
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.feedback import ReceiptRow, append_events
from chuda.stores.ledger.notices import notice_counts
from chuda.stores.ledger.suppression import Suppression, suppress
from tasks.content.context import load_content_reference
from tasks.dispatch.notify import NoticeResult, NoticeText, Notifier
from tasks.dispatch.notifying import Wording, settle_all

REFERENCE = Path(__file__).parents[3] / "data" / "reference"
CODE = NoticeText(
    "【橙柚生活】您好，您的登录验证码是402817，5分钟内有效，请勿告诉他人。", 1, "account/login_code", "otp"
)
NEWS = NoticeText("【橙柚生活】您好，您预约的剪发改到明天", 1, "appointment/changed", "notification")
UNKNOWN = SendResult(MessageResult("unknown", "deadline"))
NOT_SENT = SendResult(MessageResult("not_sent", "ConnectError"))


CHANNEL = """
name: {name}
adapter: generic
simulator: true
endpoint: http://127.0.0.1:1
account: codes
credentials: {{token: NO_SUCH_VARIABLE}}
message_types: [otp]
price_cny_per_part: 0.05
billing: submitted
rate_parts_per_second: 100
"""


def record(**changes: object) -> ChannelRecord:
    return ChannelRecord.model_validate(
        {
            "name": "codes", "adapter": "generic", "simulator": True, "endpoint": "http://127.0.0.1:1",
            "account": "codes", "credentials": {"token": "T"}, "message_types": ["otp", "notification"],
            "price_cny_per_part": Decimal("0.05"), "billing": "submitted", "rate_parts_per_second": 100,
            "window": "0:00-24:00", "query_grace_seconds": 60, "signatures": ["橙柚生活"], **changes,
        }
    )  # fmt: skip


class Desk:
    """A notifier with both ledgers, a clock set by hand and a provider that does what it is told."""

    def __init__(self, ledger, keys, clock, tmp_path, provider=None, **changes):
        self.marketing, self.keys, self.clock = ledger, keys, clock
        self.own = open_ledger(tmp_path / "notices.sqlite", keys)
        self.provider = provider or FakeProvider()
        ids = iter(f"n{number}" for number in range(100))
        self.notifier = Notifier(
            self.own, ledger, keys, clock, self.provider, record(**changes), new_id=lambda: next(ids)
        )

    def send(self, phone: str, said: NoticeText = CODE) -> NoticeResult:
        return asyncio.run(self.notifier.send(phone, said))

    def wait(self, **delta: float) -> None:
        asyncio.run(self.clock.sleep_until(self.clock.now() + timedelta(**delta)))

    def counts(self) -> dict[str, int]:
        with self.own.read() as connection:
            return notice_counts(connection)


@pytest.fixture
def desk(ledger, keys, clock, tmp_path):
    return Desk(ledger, keys, clock, tmp_path)


def test_the_intent_is_on_record_before_the_request_leaves(ledger, keys, clock, tmp_path):
    seen = []

    def answer(_n, _batch, _messages):
        seen.append(desk.counts())
        return ACCEPTED

    desk = Desk(ledger, keys, clock, tmp_path, FakeProvider(answer=answer))
    assert desk.send(phones(1)[0]).state == "accepted"
    assert seen == [{"intent": 1}]
    assert desk.counts() == {"accepted": 1}


def test_a_number_gets_what_providers_allow_and_no_more(desk):
    phone = phones(1)[0]
    desk.send(phone)
    with pytest.raises(Refused, match="1 of type otp within 60 s"):
        desk.send(phone)
    desk.send(phones(2)[1])  # others are not held up
    for _ in range(4):
        desk.wait(seconds=61)
        desk.send(phone)
    desk.wait(seconds=61)
    with pytest.raises(Refused, match="5 of type otp within 3600 s"):
        desk.send(phone)
    desk.wait(hours=1)
    desk.send(phone)
    assert desk.provider.taken == {phone: 6, phones(2)[1]: 1}


def test_what_did_not_leave_does_not_count(ledger, keys, clock, tmp_path):
    desk = Desk(ledger, keys, clock, tmp_path, FakeProvider(answer=lambda n, _b, _m: NOT_SENT if n == 1 else ACCEPTED))
    phone = phones(1)[0]
    assert [desk.send(phone).state for _ in range(2)] == ["not_sent", "accepted"]


@pytest.mark.parametrize(
    ("scope", "said", "passes"),
    [("marketing", NEWS, True), ("all", NEWS, False), ("marketing", CODE, True), ("all", CODE, True)],
)
def test_only_an_opt_out_of_everything_stops_a_notification_and_nothing_a_code(desk, scope, said, passes):
    phone = phones(1)[0]
    with desk.marketing.write() as connection:
        suppress(connection, [Suppression(desk.keys.token(phone), scope, "opt_out", "test", 0, 0)])
    if passes:
        assert desk.send(phone, said).state == "accepted"
        return
    with pytest.raises(Refused, match="opted out"):
        desk.send(phone, said)
    assert desk.provider.calls == 0


def test_notifications_keep_hours_and_codes_do_not(ledger, keys, tmp_path):
    night = FixedClock(datetime(2026, 11, 20, 23, 0, tzinfo=BUSINESS_ZONE))
    desk = Desk(ledger, keys, night, tmp_path)
    with pytest.raises(Refused, match="08:00-22:00"):
        desk.send(phones(1)[0], NEWS)
    assert desk.send(phones(1)[0], CODE).state == "accepted"


def test_a_window_that_closes_while_the_rate_is_waited_for_stops_the_notification(ledger, keys, tmp_path):
    late = FixedClock(datetime(2026, 11, 20, 21, 59, 59, tzinfo=BUSINESS_ZONE))
    desk = Desk(ledger, keys, late, tmp_path, rate_parts_per_second=1)
    first, second = (desk.send(phone, NEWS) for phone in phones(2))
    assert (first.state, second.state, second.code) == ("accepted", "not_sent", "window_closed")
    assert desk.counts() == {"accepted": 1, "not_sent": 1}
    assert desk.provider.calls == 1


def test_a_request_that_never_ends_is_unknown_after_its_deadline(ledger, keys, clock, tmp_path):
    desk = Desk(ledger, keys, clock, tmp_path)

    async def hangs(_batch, _messages):
        await asyncio.Event().wait()

    desk.provider.send = hangs
    notifier = Notifier(desk.own, ledger, keys, clock, desk.provider, record(), deadline_s=0.01)
    result = asyncio.run(asyncio.wait_for(notifier.send(phones(1)[0], CODE), 5))
    assert (result.state, result.code) == ("unknown", "deadline")
    assert desk.counts() == {"unknown": 1}


def test_a_channel_carries_only_its_types(ledger, keys, clock, tmp_path):
    desk = Desk(ledger, keys, clock, tmp_path, message_types=["notification"])
    with pytest.raises(Refused, match="does not carry otp"):
        desk.send(phones(1)[0])


def test_an_unknown_outcome_is_asked_about_and_never_sent_again(ledger, keys, clock, tmp_path):
    desk = Desk(ledger, keys, clock, tmp_path, FakeProvider(answer=lambda _n, _b, _m: UNKNOWN))
    assert desk.send(phones(1)[0]).state == "unknown"
    assert asyncio.run(desk.notifier.settle()) == {}, "the provider is asked after its grace only"
    desk.wait(seconds=61)
    assert asyncio.run(desk.notifier.settle()) == {"accepted": 1}
    assert desk.provider.calls == 1


def test_a_receipt_settles_the_notice_of_its_number_and_nobody_has_to_be_asked(ledger, keys, clock, tmp_path):
    desk = Desk(ledger, keys, clock, tmp_path, FakeProvider(answer=lambda _n, _b, _m: UNKNOWN))
    for phone in phones(2):
        desk.send(phone)
    mine = keys.token(phones(1)[0])
    with ledger.write() as connection:
        append_events(connection, [ReceiptRow("codes", f"n{n}", 0, mine, "failed", "E:1", 1, 0, 0) for n in range(2)])
    assert asyncio.run(desk.notifier.settle()) == {"accepted": 1}
    assert desk.counts() == {"accepted": 1, "unknown": 1}, "the second receipt names another's number"


@pytest.mark.parametrize(("definitive", "state"), [(True, "not_sent"), (False, "unknown")])
def test_absence_proves_something_only_where_the_query_is_definitive(ledger, keys, clock, tmp_path, definitive, state):
    lost = FakeProvider(answer=lambda _n, _b, _m: UNKNOWN, takes=lambda _n, _b: False)
    desk = Desk(ledger, keys, clock, tmp_path, lost, definitive_query=definitive)
    desk.send(phones(1)[0])
    desk.wait(seconds=61)
    assert asyncio.run(desk.notifier.settle()) == {state: 1}
    desk.wait(hours=72)
    assert asyncio.run(desk.notifier.settle()) == ({} if definitive else {"unconfirmed": 1})


def test_what_a_killed_process_left_is_unknown_and_asked_about(desk):
    async def dies(_batch, _messages):
        raise KeyboardInterrupt

    real, desk.provider.send = desk.provider.send, dies
    with pytest.raises(KeyboardInterrupt):
        desk.send(phones(1)[0])
    assert desk.counts() == {"intent": 1}
    desk.provider.send = real
    desk.wait(seconds=61)
    assert asyncio.run(desk.notifier.settle()) == {"unknown": 1}


def test_a_provider_that_asks_for_a_pause_gets_it(ledger, keys, clock, tmp_path):
    busy = SendResult(MessageResult("not_sent", "429"), retry_after_s=30)
    desk = Desk(ledger, keys, clock, tmp_path, FakeProvider(answer=lambda n, _b, _m: busy if n == 1 else ACCEPTED))
    desk.send(phones(1)[0])
    with pytest.raises(ProviderTrouble, match="at its limit"):
        desk.send(phones(2)[1])
    desk.wait(seconds=30)
    assert desk.send(phones(2)[1]).state == "accepted"


@pytest.mark.parametrize("said", [CODE, NEWS])
def test_a_marketing_transaction_holds_nobody_up(desk, said):
    with desk.marketing.write() as connection:
        suppress(connection, [Suppression("0" * 32, "all", "opt_out", "test", 0, 0)])
        assert desk.send(phones(1)[0], said).state == "accepted"


def test_no_number_and_no_code_is_left_behind(desk, tmp_path):
    phone = phones(1)[0]
    result = desk.send(phone)
    desk.own.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("notices.sqlite*"))
    assert phone.encode() not in kept
    assert b"402817" not in kept
    assert phone not in repr(result)
    assert "402817" not in repr(CODE)
    assert result.to == f"{phone[:3]}****{phone[-4:]}"


@pytest.fixture(scope="module")
def wording() -> Wording:
    business = BusinessRecord.model_validate(
        {"name": "o", "licence_name": "橙柚生活（广州）商贸有限公司", "signatures": ["橙柚生活"]}
    )
    settings = Settings(reference=REFERENCE, lang="en")
    return Wording(settings, business, load_content_reference(REFERENCE), {})


NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def test_a_template_and_its_values_become_the_checked_text(wording):
    said = wording.compose(record(), "otp", "account/login_code", {"code": "402817", "minutes": "5"}, NOW)
    assert said == CODE


@pytest.mark.parametrize(
    ("template", "values", "error", "said"),
    [
        ("account/login_code", {"code": "1"}, UsageError, "needs values for minutes"),
        ("account/nothing", {}, UsageError, "no template account/nothing"),
        ("../secrets/x", {}, UsageError, "no template"),
        ("retail/member_day", {}, UsageError, "is of type marketing"),
        ("account/login_code", {"code": "※1", "minutes": "5"}, Refused, "symbols"),
    ],
)
def test_what_is_wrong_with_a_template_is_said(wording, template, values, error, said):
    with pytest.raises(error, match=said):
        wording.compose(record(), "otp", template, values, NOW)


def test_a_signature_the_channel_has_not_filed_is_refused(wording):
    with pytest.raises(Refused, match="none of the business's signatures"):
        wording.compose(record(signatures=["别人"]), "otp", "account/login_code", {"code": "1", "minutes": "5"}, NOW)


def test_the_days_limit_of_the_account_holds(ledger, keys, clock, tmp_path):
    desk = Desk(ledger, keys, clock, tmp_path, rate_parts_per_day=3, rate_parts_per_second=3)
    for phone in phones(3):
        desk.wait(seconds=1)
        desk.send(phone)
    with pytest.raises(ProviderTrouble, match="at its limit"):
        desk.send(phones(4)[3])
    desk.wait(hours=24)
    assert desk.send(phones(4)[3]).state == "accepted"


def test_without_a_single_notice_nothing_is_asked(tmp_path):
    settings = Settings(home=tmp_path, campaigns=tmp_path / "no such folder")
    assert asyncio.run(settle_all(settings)) == []


def test_a_channel_that_cannot_be_asked_is_named_and_stops_nothing(tmp_path, keys):
    (tmp_path / "campaigns" / "channels").mkdir(parents=True)
    for name in ("codes", "news"):
        (tmp_path / "campaigns" / "channels" / f"{name}.yaml").write_text(CHANNEL.format(name=name))
    open_ledger(tmp_path / "notices.sqlite", keys).close()
    settings = Settings(home=tmp_path, campaigns=tmp_path / "campaigns", reference=REFERENCE)
    trouble = asyncio.run(settle_all(settings))
    assert [said.partition(":")[0] for said in trouble] == ["codes", "news"]
