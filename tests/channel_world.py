"""A company as the simulator plays it, tested without a network: the fate of every message straight from its world."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from chuda.clock import BUSINESS_ZONE, to_us
from chuda.files import parse_yaml
from chuda.providers.simulator.profile import Conduct, Filter, Peak, Resend, WorldProfile
from chuda.providers.simulator.world import Message, World
from chuda.records import ChannelRecord
from chuda.stores.ledger.channels import Shot, Verdict
from tasks.channels.judging import Arrival, Judgement, judge_basic, judge_scenario, judge_stress, read_arrivals
from tasks.channels.lines import ChannelLines, load_channel_lines

ROOT = Path(__file__).parents[1]
LINES: ChannelLines = load_channel_lines(ROOT / "data" / "reference")
FRIDAY = datetime(2026, 11, 20, 10, tzinfo=BUSINESS_ZONE)
MONDAY_NINE = datetime(2026, 11, 23, 9, tzinfo=BUSINESS_ZONE)
ORDINARY, PROMOTION = (
    "【橙柚生活】您好，这是短信渠道测试，拒收请回复R",
    "【橙柚生活】周末满100减20，凭短信领取优惠，拒收请回复R",
)
CONDUCTS = {
    "good": Conduct(),
    "hides resends": Conduct(resend=Resend()),
    "tells resends": Conduct(resend=Resend(tells=True)),
    "slow at peak": Conduct(peaks=(Peak(from_hour=9.25, to_hour=10.5),)),
    "filters marketing": Conduct(filters=(Filter(words=("优惠",)),)),
}
RECORD = """name: shop
provider: 某服务商
adapter: generic
endpoint: https://sms.example.cn/api
account: shop-main
credentials:
  token: SHOP_SMS_TOKEN
message_types: [marketing]
licence:
  number: B2-20201234
  scope: nationwide
  expires_on: 2027-06-30
  registered_capital_cny: 12000000
  verified_by: 李经理
  verified_on: 2026-09-01
  evidence: licence-2026-09-01.png
price_cny_per_part: 0.055
billing: delivered
rate_parts_per_second: 500
signatures: [橙柚生活]
"""


def record(text: str = "", **changes: object) -> ChannelRecord:
    """A sound real channel with further lines of YAML, or with values changed."""
    return parse_yaml(RECORD + text, "shop.yaml", ChannelRecord).value.model_copy(update=changes)


def verdict(stage: str, state: str, at: datetime = FRIDAY, days: int = 180, test: str = "shop-1") -> Verdict:
    return Verdict(test, "shop", stage, state, 10, "{}", to_us(at), to_us(at + timedelta(days=days)))


def passed(at: datetime = FRIDAY) -> list[Verdict]:
    return [verdict(stage, "passed", at) for stage in ("basic", "stress", "scenario")]


def phones(count: int) -> list[str]:
    return [f"{('138', '133', '186', '165')[n % 4]}{10_000_000 + n * 7919:08d}" for n in range(count)]


class Company:
    """One simulated company and its verdicts, stage by stage, as the flow would have them."""

    def __init__(self, conduct: str, seed: int, numbers: int = 60) -> None:
        self.phones = phones(numbers)
        self._world = World(seed, WorldProfile(always_on=frozenset(self.phones), conduct=CONDUCTS[conduct]))

    def send(self, name: str, at: datetime, text: str, people: Sequence[str], kind: str = "marketing") -> list[Arrival]:
        """What had come of a send eleven minutes later."""
        shots = []
        for place, phone in enumerate(people):
            receipt = self._world.fate(Message(f"{name}.{place}", phone, text, kind, to_us(at))).receipt
            if receipt is not None and receipt.at_us > to_us(at + timedelta(minutes=11)):
                receipt = None
            told = (receipt.status, receipt.code, 1, receipt.at_us, receipt.attempts) if receipt else (None,) * 5
            shots.append(Shot("p", phone, "b", place, "accepted", to_us(at), *told))
        return read_arrivals(shots, {}, LINES)

    def basic(self) -> Judgement:
        return judge_basic(
            self.send("basic", FRIDAY + timedelta(hours=5), ORDINARY, self.phones[: LINES.basic.numbers]), LINES
        )

    def stress(self) -> Judgement:
        sends: list[list[Arrival]] = [[] for _ in range(LINES.stress.sends)]
        judged = None
        for day in range(LINES.stress.rounds):
            for number, send in enumerate(sends):
                at = MONDAY_NINE + timedelta(days=day, minutes=number * LINES.stress.apart_minutes)
                send += self.send(f"stress-{day}-{number}", at, ORDINARY, self.phones)
            judged = judge_stress(sends, LINES, day + 1)
            if judged.verdict != "pending":
                break
        assert judged is not None
        return judged

    def scenario(self) -> Judgement:
        at = MONDAY_NINE + timedelta(minutes=90)
        texts = {
            "marketing": PROMOTION,
            "notification": "【橙柚生活】您的预约已确认",
            "otp": "【橙柚生活】您的验证码是000301",
        }
        return judge_scenario(
            {kind: self.send(kind, at, text, self.phones, kind) for kind, text in texts.items()}, LINES
        )

    def caught_by(self) -> tuple[str, int] | None:
        """The first stage that failed and the messages sent until then; None if the channel is trusted."""
        spent = 0
        for stage in (self.basic, self.stress, self.scenario):
            judged = stage()
            spent += judged.messages
            if judged.verdict == "failed":
                return judged.stage, spent
        return None
