"""Which channel a campaign uses: the first of its list that may carry it today; and what the others could take over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from chuda.errors import Refused
from chuda.records.channel import BatchRule, ChannelRecord
from chuda.settings import Settings
from chuda.stores.ledger import open_ledger
from chuda.stores.ledger.channels import Route, Verdict, open_routes, verdicts_of
from tasks.channels.fitness import reasons_against

# What a text was written for: a channel that differs in one of these cannot take over a message as it is.
_SAME = ("opt_out_wording", "variables_allowed", "links", "click_tracking", "short_links", "simulator")


def read_standing(settings: Settings) -> tuple[list[Verdict], tuple[Route, ...]]:
    """The verdicts of all tests of the workspace, and the cells that avoid a channel now."""
    ledger = open_ledger(settings.ledger_target)
    try:
        with ledger.read() as connection:
            return verdicts_of(connection), tuple(open_routes(connection))
    finally:
        ledger.close()


def rank_channels(
    names: Sequence[str], channels: Mapping[str, ChannelRecord], message_type: str, verdicts: Sequence[Verdict],
    now: datetime, signatures: frozenset[str],
) -> tuple[list[ChannelRecord], list[str]]:  # fmt: skip
    """The channels of a list that may carry messages of a type now, in its order, and a warning for each that may not.

    Raises:
        Refused: none may; every reason, by name.
    """
    fit: list[ChannelRecord] = []
    against: list[str] = []
    for name in names:
        reasons = reasons_against(channels[name], message_type, verdicts, now, signatures)
        against += [str(reason) for reason in reasons]
        fit += [] if reasons else [channels[name]]
    if not fit:
        raise Refused("\n".join(against))
    return fit, against


# What one request may hold: a batch dealt for a stricter rule fits a looser one.
_STRICTNESS: Mapping[BatchRule, int] = {"any": 0, "one_template": 1, "one_text": 2}


def able_to_stand_in(
    main: ChannelRecord, others: Sequence[ChannelRecord], message_type: str, signatures: frozenset[str],
    may_cost_more: bool,
) -> list[ChannelRecord]:  # fmt: skip
    """Those of the others through which sealed batches of `main` may leave as they are when `main` is stopped.

    Args:
        main: the channel the batches were dealt for.
        others: in order of preference.
        message_type: of the messages.
        signatures: what their texts may be signed with.
        may_cost_more: whether a dearer channel is within what was approved.
    """
    return [
        other
        for other in able_to_take_over(main, others)
        if message_type in other.message_types
        and signatures <= frozenset(other.signatures)
        and other.batch_size >= main.batch_size
        and _STRICTNESS[other.batch_rule] <= _STRICTNESS[main.batch_rule]
        and (other.batch_rule == "any" or _wordings(main) <= _wordings(other))
        and (may_cost_more or other.price_cny_per_part <= main.price_cny_per_part)
    ]


def _wordings(channel: ChannelRecord) -> set[str]:
    return {template.pattern for template in channel.filed_templates}


def able_to_take_over(main: ChannelRecord, others: Sequence[ChannelRecord]) -> list[ChannelRecord]:
    """Those of the others through which a text written for `main` may leave unchanged, when and to whom it could."""
    return [
        other
        for other in others
        if all(getattr(main, name) == getattr(other, name) for name in _SAME)
        and set(main.coverage) <= set(other.coverage)
        and set(main.link_targets) <= set(other.link_targets)
        and (main.links != "filed" or set(main.filed_links) <= set(other.filed_links))
        and other.window.start_minute <= main.window.start_minute
        and main.window.end_minute <= other.window.end_minute
    ]
