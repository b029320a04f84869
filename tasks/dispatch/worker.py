"""A worker: sends one sealed release. It needs the ledger, the keys and the channel's credentials, nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace

from chuda.clock import Clock, to_us
from chuda.errors import ChudaError, Refused, UsageError
from chuda.keys import Keys, load_keys
from chuda.providers.opening import open_provider
from chuda.records.channel import ChannelRecord
from chuda.records.licence import licence_problems
from chuda.settings import environment, read_settings
from chuda.stores.ledger import Ledger, open_clock, open_ledger
from chuda.stores.ledger.channels import verdicts_of
from chuda.stores.ledger.leases import HeldElsewhere, acquire, give_back
from chuda.stores.ledger.recording import adopt_orphans
from chuda.stores.ledger.releases import Release, close_release, find_release
from tasks.channels.fitness import refuse_unfit
from tasks.dispatch.sender import ChannelLimits, Sender, SendReport


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
    if not record.simulator and clock.kind != "real":
        raise Refused(
            f"channel {record.name} is real, but time is not: unset CHUDA_NOW. Messages to people follow the real clock"
        )
    errors = [str(p) for p in licence_problems(record, clock.now().date()) if p.severity == "error"]
    if errors:
        raise Refused("\n".join(errors))


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
    on_progress: Callable[[int], None] | None = None,
) -> SendReport:  # fmt: skip
    """Send what may leave of a release now; safe to repeat after any crash.

    Raises:
        Refused: the channel may not be used.
        ProviderTrouble: the provider cannot be used; all that is open stays open.
    """
    adopted = close_what_is_over(ledger, clock, release)
    record = ChannelRecord.model_validate_json(release.channel_record)
    check_sendable(record, clock)
    with ledger.read() as connection:
        refuse_unfit(record, release.message_type, verdicts_of(connection, record.name), clock.now())
    provider = open_provider(record, credentials, clock=clock)
    limits = limits_of(record)
    if clock.kind == "simulated":
        # Requests side by side would race for the clock they share; one by one a simulated day is the same every time.
        limits = replace(limits, max_in_flight=1)
    try:
        report = await Sender(ledger, keys, clock, provider, limits, _new_owner(), on_progress).send(release)
    finally:
        await provider.close()
    return replace(report, adopted=report.adopted + adopted)


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
