"""A company that plays Aliyun and Tencent Cloud in-process, and our adapters towards it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from chuda.clock import BUSINESS_ZONE, FixedClock
from chuda.providers.aliyun import AliyunAccount, AliyunProvider
from chuda.providers.protocol import OutgoingMessage, SendResult
from chuda.providers.simulator.app import build_app, open_provider
from chuda.providers.simulator.judge import Judge
from chuda.providers.simulator.profile import Cloud, FiledText, Profile
from chuda.providers.simulator.provider import SimulatedProvider
from chuda.providers.tencent import TencentAccount, TencentProvider
from chuda.records.filed import FiledTemplate

TOKEN = "secret-key"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=BUSINESS_ZONE)
APP = "1400006666"
FILED = {
    "SMS_1": "${who}您好，周末到店立减20元，拒收请回复R",
    "SMS_2": "您好，周末到店立减20元，拒收请回复R",
    "SMS_9": "您的验证码是${code}，5分钟内有效",
    "1110": "{1}您好，周末到店立减20元，拒收请回复R",
    "1119": "您的验证码是{1}，5分钟内有效",
}
CLOUD = Cloud(
    templates={
        code: FiledText(text=text, type="otp" if code.endswith("9") else "marketing") for code, text in FILED.items()
    },
    signatures=("橙柚生活",),
    app_id=APP,
)
QUIET = Profile(blacklisted_share=0.0, cloud=CLOUD)


def filed(*codes: str) -> tuple[FiledTemplate, ...]:
    """Templates as a channel's record has them."""
    return tuple(FiledTemplate(code=code, text=FILED[code]) for code in codes)


def personal(phones: Sequence[str], batch_id: str = "p1-1-0") -> list[OutgoingMessage]:
    """A text for each phone that differs from all others."""
    return [
        OutgoingMessage(
            f"{batch_id}.{n}", phone, f"【橙柚生活】{'王李张刘'[n % 4]}女士{n}您好，周末到店立减20元，拒收请回复R"
        )
        for n, phone in enumerate(phones)
    ]


def alike(phones: Sequence[str], batch_id: str = "p1-1-0") -> list[OutgoingMessage]:
    """The same text for everybody."""
    text = "【橙柚生活】顾客您好，周末到店立减20元，拒收请回复R"
    return [OutgoingMessage(f"{batch_id}.{n}", phone, text) for n, phone in enumerate(phones)]


def phones(count: int) -> list[str]:
    """Distinct mainland numbers."""
    return [str(13_800_000_000 + 7919 * n) for n in range(count)]


def states(result: SendResult, messages: Sequence[OutgoingMessage]) -> list[str]:
    """The state of every message of a request."""
    return [result.results.get(message.message_id, result.default).state for message in messages]


@dataclass
class CloudCompany:
    """The company, its clock, its record, and clients of it."""

    provider: SimulatedProvider
    clock: FixedClock
    home: Path
    transport: httpx.AsyncBaseTransport

    @classmethod
    def open(cls, home: Path, profile: Profile = QUIET, moment: datetime = NOON) -> CloudCompany:
        """A company in a fresh folder, without a socket."""
        clock = FixedClock(moment)
        provider = open_provider(home, clock, 1, profile)
        return cls(provider, clock, home, httpx.ASGITransport(build_app(provider, TOKEN)))

    def aliyun(self, *codes: str, secret: str = TOKEN, clock: FixedClock | None = None) -> AliyunProvider:
        """Our adapter for Aliyun."""
        account = AliyunAccount("http://dysmsapi.test", "simulator", secret, filed(*(codes or ("SMS_1", "SMS_2"))))
        return AliyunProvider(account, clock or self.clock, self.transport)

    def tencent(self, *codes: str, secret: str = TOKEN, app_id: str = APP) -> TencentProvider:
        """Our adapter for Tencent Cloud."""
        account = TencentAccount(
            "http://sms.test", "simulator", secret, "ap-guangzhou", app_id, filed(*(codes or ("1110",)))
        )
        return TencentProvider(account, self.clock, self.transport)

    def judge(self) -> Judge:
        """The record, seen from outside."""
        return Judge.open(self.home)


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> tuple[AliyunProvider, TencentProvider]:
    """Both adapters towards a handler."""
    clock, transport = FixedClock(NOON), httpx.MockTransport(handler)
    aliyun = AliyunAccount("https://dysmsapi.aliyuncs.com", "id", "key", filed("SMS_1", "SMS_2"))
    tencent = TencentAccount("https://sms.tencentcloudapi.com", "id", "key", "ap-guangzhou", APP, filed("1110"))
    return AliyunProvider(aliyun, clock, transport), TencentProvider(tencent, clock, transport)
