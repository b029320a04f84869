"""From a channel's record to a provider one can speak to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chuda.clock import Clock, RealClock
from chuda.errors import UsageError
from chuda.providers import aliyun, tencent
from chuda.providers.aliyun import AliyunAccount, AliyunProvider
from chuda.providers.generic import GenericProvider
from chuda.providers.protocol import Provider, ReceiptEvent, ReplyEvent
from chuda.providers.tencent import TencentAccount, TencentProvider
from chuda.providers.wire import DEADLINE_S
from chuda.records.channel import ChannelRecord


@dataclass(frozen=True, slots=True)
class PushForm:
    """How a provider pushes: a list of items (or a single one), a reader for each kind, and what it wants to hear."""

    read_receipt: Callable[[Mapping[str, Any]], ReceiptEvent]
    read_reply: Callable[[Mapping[str, Any]], ReplyEvent]
    answer: str


PUSH_FORMS: Mapping[str, PushForm] = {
    "aliyun": PushForm(aliyun.read_receipt, aliyun.read_reply, aliyun.PUSH_ANSWER),
    "tencent": PushForm(tencent.read_pushed_receipt, tencent.read_pushed_reply, tencent.PUSH_ANSWER),
}
"""By adapter; the generic protocol is pushed as it is pulled."""


def open_provider(
    record: ChannelRecord, environment: Mapping[str, str], *, clock: Clock | None = None, deadline_s: float = DEADLINE_S
) -> Provider:
    """Open the provider of a channel; its credentials come from the environment variables the record names.

    Args:
        record: the channel.
        environment: the variables with the credentials.
        clock: dates the signatures; the real one if none is given.
        deadline_s: within how many seconds every request ends.

    Raises:
        UsageError: a credential is not set.
    """
    secrets = read_credentials(record, environment)
    clock = clock or RealClock()
    # A simulator is on this machine: a proxy has no business there.
    trust_env = not record.simulator
    if record.adapter == "aliyun":
        seller = AliyunAccount(
            record.endpoint, secrets["access_key_id"], secrets["access_key_secret"], record.filed_templates
        )
        return AliyunProvider(seller, clock, trust_env=trust_env, deadline_s=deadline_s)
    if record.adapter == "tencent":
        account = TencentAccount(
            record.endpoint, secrets["secret_id"], secrets["secret_key"], record.region or "", record.app_id or "",
            record.filed_templates,
        )  # fmt: skip
        return TencentProvider(account, clock, trust_env=trust_env, deadline_s=deadline_s)
    return GenericProvider(record.endpoint, secrets["token"], trust_env=trust_env, deadline_s=deadline_s)


def read_credentials(record: ChannelRecord, environment: Mapping[str, str]) -> dict[str, str]:
    """The credentials of a channel by what they are called at its provider.

    Raises:
        UsageError: a credential is not set.
    """
    return {key: _secret(record, key, variable, environment) for key, variable in record.credentials.items()}


def _secret(record: ChannelRecord, key: str, variable: str, environment: Mapping[str, str]) -> str:
    value = environment.get(variable)
    if not value:
        raise UsageError(f"channel {record.name}: set the environment variable {variable} to the provider's {key}")
    return value
