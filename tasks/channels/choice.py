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
from tasks.compliance.rules import DAILY_CAPS

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
    routes: Sequence[Route] = (),
) -> list[ChannelRecord]:  # fmt: skip
    """Those of the others through which sealed batches of `main` may leave as they are when `main` is stopped.

    Args:
        main: the channel the batches were dealt for.
        others: in order of preference.
        message_type: of the messages.
        signatures: what their texts may be signed with.
        routes: what avoids a channel now; one that anybody avoids does not stand in.
    """
    return [other for other in others if not reasons_not_to_stand_in(main, other, message_type, signatures, routes)]


def reasons_not_to_stand_in(
    main: ChannelRecord, other: ChannelRecord, message_type: str, signatures: frozenset[str],
    routes: Sequence[Route] = (),
) -> list[str]:  # fmt: skip
    """The keys of `other`'s record for which it cannot stand in for `main` while sending, `routes` if cells avoid it;
    empty if it can. A dearer channel or one with other billing is not what was approved.
    """
    conditions = {
        "message_types": message_type in other.message_types,
        "batch_size": other.batch_size >= main.batch_size,
        "adapter": _STRICTNESS[other.batch_rule] <= _STRICTNESS[main.batch_rule],
        "filed_templates": other.batch_rule == "any" or _wordings(main) <= _wordings(other),
        "price_cny_per_part": other.price_cny_per_part <= main.price_cny_per_part,
        "billing": other.billing == main.billing,
        "messages_per_person_per_day": _daily_cap(main, message_type) <= _daily_cap(other, message_type),
        "routes": other.name not in {route.channel for route in routes},
    }
    return _reasons_not_to_take_over(main, other, signatures) + _failing(conditions)


def _daily_cap(channel: ChannelRecord, message_type: str) -> int:
    return channel.messages_per_person_per_day or DAILY_CAPS.get(message_type, 0)


def _wordings(channel: ChannelRecord) -> set[str]:
    return {template.pattern for template in channel.filed_templates}


def able_to_take_over(
    main: ChannelRecord, others: Sequence[ChannelRecord], signatures: frozenset[str]
) -> list[ChannelRecord]:
    """Those of the others through which a text written for `main` may leave unchanged, when and to whom it could."""
    return [other for other in others if not _reasons_not_to_take_over(main, other, signatures)]


def _reasons_not_to_take_over(main: ChannelRecord, other: ChannelRecord, signatures: frozenset[str]) -> list[str]:
    same = {name: getattr(main, name) == getattr(other, name) for name in _SAME}
    wide_enough = {
        "signatures": signatures <= frozenset(other.signatures),
        "coverage": set(main.coverage) <= set(other.coverage),
        "link_targets": set(main.link_targets) <= set(other.link_targets),
        "filed_links": main.links != "filed" or set(main.filed_links) <= set(other.filed_links),
        "window": other.window.start_minute <= main.window.start_minute
        and main.window.end_minute <= other.window.end_minute,
    }
    return _failing(same | wide_enough)


def _failing(conditions: Mapping[str, bool]) -> list[str]:
    return [name for name, holds in conditions.items() if not holds]
