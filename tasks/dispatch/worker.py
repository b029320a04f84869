"""A worker: sends one sealed release. It needs the ledger, the keys and the channel's credentials, nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from chuda.clock import Clock, from_us, to_us
from chuda.errors import ChudaError, Refused, UsageError
from chuda.keys import Keys, load_keys
from chuda.providers.opening import open_provider
from chuda.records.channel import ChannelRecord
from chuda.settings import environment, read_settings
from chuda.stores.ledger import Ledger, open_clock, open_ledger
from chuda.stores.ledger.approvals import is_finished
from chuda.stores.ledger.channels import verdicts_of
from chuda.stores.ledger.leases import HeldElsewhere, acquire, give_back
from chuda.stores.ledger.recording import adopt_orphans, last_request_us, open_questions
from chuda.stores.ledger.releases import Release, close_release, find_release, has_open
from tasks.channels.fitness import licence_reasons, refuse_unfit
from tasks.dispatch.sender import ChannelLimits, Sender, SendReport

CLOCK_TOLERANCE = timedelta(minutes=2)
"""How far the clocks of machines that share a ledger may be apart."""


def limits_of(record: ChannelRecord) -> ChannelLimits:
    """How the sender may use a channel, from its record."""
    return ChannelLimits(
        parts_per_second=record.rate_parts_per_second,
        parts_per_minute=record.rate_parts_per_minute,
        parts_per_day=record.rate_parts_per_day,
        account=record.account_key,
        is_query_definitive=record.definitive_query,
        query_grace_s=record.query_grace_seconds,
    )


def check_sendable(record: ChannelRecord, clock: Clock) -> None:
    """Refuse a channel that may not be used now.

    Raises:
        Refused: no valid licence on record, or a real channel under a clock that is not the real one.
    """
    why_not = why_not_now(record, clock)
    if why_not:
        raise Refused(why_not)


def why_not_now(record: ChannelRecord, clock: Clock) -> str:
    """Why a channel may not be used now, as `check_sendable` says it; empty if it may."""
    if not record.simulator and clock.kind != "real":
        return (
            f"渠道 {record.name} 是真实渠道，时间却不是，请去掉 CHUDA_NOW / channel {record.name} is real, but time is "
            "not: unset CHUDA_NOW. Messages to people follow the real clock"
        )
    return "\n".join(str(reason) for reason in licence_reasons(record, clock.now()))


def close_what_is_over(ledger: Ledger, clock: Clock, release: Release) -> int:
    """Expire what may not start any more, and adopt what dead owners left; needs no provider and no fit channel.

    Returns:
        How many requests were adopted; none while somebody alive sends the release.
    """
    with ledger.write() as connection:
        now_us = to_us(clock.now())
        if now_us >= release.not_after_us:
            close_release(connection, release.release_id, "expired")
        name = f"release:{release.release_id}"
        lease = acquire(connection, name, _new_owner(), ledger.store_now_us(connection))
        if isinstance(lease, HeldElsewhere):
            return 0
        adopted = adopt_orphans(connection, lease, release.release_id, now_us)
        give_back(connection, lease)
    return adopted


async def send_release(
    ledger: Ledger, keys: Keys, clock: Clock, release: Release, credentials: Mapping[str, str],
    on_progress: Callable[[int], None] | None = None, refusal: ChudaError | None = None,
) -> SendReport:  # fmt: skip
    """Send what may leave of a release now; safe to repeat after any crash.

    What is unknown is asked about even where nothing may start any more: a licence that expired since, or a record
    that was changed, is no reason not to know.

    Args:
        ledger: where it is sealed.
        keys: of the workspace.
        clock: its time.
        release: what to send.
        credentials: by the names in the channel's record.
        on_progress: called with the number of requests that were answered.
        refusal: why the caller lets nothing start.

    Raises:
        Refused: the channel may not be used, and something of the release was still to be sent; `refusal` likewise.
        UsageError: a credential is not set, and the release is not done.
        ChannelStopped: the provider cannot be used; all that is open stays open.
    """
    adopted = close_what_is_over(ledger, clock, release)
    record = ChannelRecord.model_validate_json(release.channel_record)
    refusal = refusal or _why_refused(ledger, clock, record, release)
    if refusal is not None:
        report = await _settle(ledger, keys, clock, release, record, credentials)
        close_what_is_over(ledger, clock, release)  # what the answers made ready again
        with ledger.read() as connection:
            if has_open(connection, release.release_id):
                raise refusal
        return replace(report, adopted=adopted)
    try:
        provider = open_provider(record, credentials, clock=clock)
    except UsageError:
        with ledger.read() as connection:
            if is_finished(connection, release.release_id):
                return SendReport("done", adopted=adopted)
        raise
    limits = limits_of(record)
    if clock.kind == "simulated":
        # Requests side by side would race for the clock they share; one by one a simulated day is the same every time.
        limits = replace(limits, max_in_flight=1)
    try:
        report = await Sender(ledger, keys, clock, provider, limits, _new_owner(), on_progress).send(release)
    finally:
        await provider.close()
    return replace(report, adopted=report.adopted + adopted)


def _why_refused(ledger: Ledger, clock: Clock, record: ChannelRecord, release: Release) -> Refused | None:
    try:
        check_sendable(record, clock)
        with ledger.read() as connection:
            refuse_unfit(record, release.message_type, verdicts_of(connection, record.name), clock.now())
            last_us = last_request_us(connection, record.name)
        if not record.simulator:
            _refuse_past(record.name, clock, last_us)
    except Refused as refusal:
        return refusal
    return None


def _refuse_past(channel: str, clock: Clock, last_us: int) -> None:
    """Refuse to send by a clock that was set back: the hours of the law, caps and approvals all follow it."""
    now, last = clock.now(), from_us(last_us)
    if last > now + CLOCK_TOLERANCE:
        raise Refused(
            f"本机时钟 {now:%Y-%m-%d %H:%M} 早于渠道 {channel} 最近一次请求（{last:%Y-%m-%d %H:%M}）：时钟被调回了，"
            f"校准后再发 / this machine's clock says {now:%Y-%m-%d %H:%M}, but the last request through channel "
            f"{channel} left at {last:%Y-%m-%d %H:%M}: it was set back. Set it right (NTP) and repeat; nothing was sent"
        )


async def _settle(
    ledger: Ledger, keys: Keys, clock: Clock, release: Release, record: ChannelRecord, credentials: Mapping[str, str]
) -> SendReport:
    """Ask about what is unknown, where that can be asked at all: by the real clock, with the credentials at hand."""
    with ledger.read() as connection:
        if not open_questions(connection, release.release_id):
            return SendReport("done")
    try:
        is_real_time = record.simulator or clock.kind == "real"
        provider = open_provider(record, credentials, clock=clock) if is_real_time else None
    except UsageError:
        provider = None
    if provider is None:
        return SendReport("unknown_open")
    try:
        return await Sender(ledger, keys, clock, provider, limits_of(record), _new_owner()).settle(release)
    finally:
        await provider.close()


def _new_owner() -> str:
    return f"{os.getpid()}-{uuid.uuid4().hex[:12]}"


def main(release_id: str) -> int:
    """Send one release of the workspace that the environment names; prints how it ended."""
    settings = read_settings()
    keys = load_keys(settings.keys_file, environment())
    ledger = open_ledger(settings.ledger_target, keys)
    with ledger.read() as connection:
        release = find_release(connection, release_id)
    if release is None:
        raise UsageError(f"release {release_id} is not sealed")
    report = asyncio.run(send_release(ledger, keys, open_clock(ledger, settings.now), release, environment()))
    print(report.stop)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except ChudaError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
