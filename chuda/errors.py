"""The errors a person may meet, each with the exit code of the command line.

Every message says what was wrong, where, and what to do; none carries a phone number.
"""

from __future__ import annotations


class ChudaError(Exception):
    """Base of all errors that are reported as one message instead of a traceback."""

    exit_code = 1


class UsageError(ChudaError):
    """Wrong usage or configuration: a file with a typo, a missing key, an unknown plan (exit code 2)."""

    exit_code = 2


class Refused(ChudaError):
    """A gate, a compliance rule or a missing approval said no (exit code 3)."""

    exit_code = 3


class GateFailed(Refused):
    """The data does not hold what its suite demands; nothing was published."""


class GateBroken(ChudaError):
    """A check could not run: an error, never a pass and never "bad data" (exit code 1)."""


class ProviderTrouble(ChudaError):
    """Provider or network trouble; the state is consistent and repeating is safe (exit code 4)."""

    exit_code = 4


class ChannelStopped(ProviderTrouble):
    """A channel cannot be used until somebody mends it, or does not answer; what was not sent stays open."""


class StoreTrouble(ProviderTrouble):
    """A store was locked, full or gone; nothing of the transaction remains."""
