"""From a channel's record to a provider one can speak to."""

from __future__ import annotations

from collections.abc import Mapping

from chuda.errors import UsageError
from chuda.providers.generic import GenericProvider
from chuda.providers.protocol import Provider
from chuda.records.channel import ChannelRecord


def open_provider(record: ChannelRecord, environment: Mapping[str, str]) -> Provider:
    """Open the provider of a channel; its credentials come from the environment variables the record names.

    Raises:
        UsageError: a credential is not set, or this version does not speak the channel's protocol.
    """
    if record.adapter != "generic":
        raise UsageError(
            f"channel {record.name}: this version does not speak {record.adapter} yet; use a generic channel"
        )
    variable = record.credentials["token"]
    token = environment.get(variable)
    if not token:
        raise UsageError(f"channel {record.name}: set the environment variable {variable} to the provider's token")
    # A simulator is on this machine: a proxy has no business there.
    return GenericProvider(record.endpoint, token, trust_env=not record.simulator)
