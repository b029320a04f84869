"""What a campaign file names that lies elsewhere: segments, channels, templates, variables, trades, the sender."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from chuda.campaign.campaign_checks import Parts, arm_texts
from chuda.campaign.model import Campaign
from chuda.campaign.template import Template, find_placeholders
from chuda.files import Finding, Loc, Problem, Source, nearest
from chuda.message_types import rules_of

ClickTracking = Literal["per_message", "per_variant", "provider_log", "none"]


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What a campaign has to know of a channel: the message types it may carry, its variables and its links."""

    message_types: frozenset[str]
    variables_allowed: bool = True
    click_tracking: ClickTracking = "none"


@dataclass(frozen=True, slots=True)
class KnownNames:
    """Everything a campaign file may name.

    `templates` maps `trade/name` to the variables of that template; `variables` are those filled in per contact;
    `senders` is None where business records are looked up as files.
    """

    segments: frozenset[str]
    channels: Mapping[str, ChannelFacts]
    variables: frozenset[str]
    trades: frozenset[str]
    templates: Mapping[str, frozenset[str]] = field(default_factory=dict)
    senders: frozenset[str] | None = None


def check_references(campaign: Campaign, known: KnownNames, source: Source) -> list[Problem]:
    """Return every name of the campaign that nobody knows, with its place in `source` (from `read_yaml`)."""
    return source.problems(find_unknown_names(dict(campaign), known))


def find_unknown_names(parts: Parts, known: KnownNames) -> Iterator[Finding]:
    """Yield the unknown names among the sections that are right by themselves."""
    if "trade" in parts:
        yield from _unknown(("trade",), "unknown_trade", parts["trade"], known.trades)
    if "sender" in parts and known.senders is not None:
        yield from _unknown(("sender",), "unknown_sender", parts["sender"], known.senders)
    if parts.get("audience"):
        for key in ("segments", "exclude_segments"):
            for place, name in enumerate(getattr(parts["audience"], key)):
                yield from _unknown(("audience", key, place), "unknown_segment", name, known.segments)
    yield from _check_channels(parts, known)
    if {"template", "experiment"} <= parts.keys():
        yield from _check_library(parts, known)
        yield from _check_variables(parts, known)
        yield from _check_fixed_text(parts, known)


def _unknown(loc: Loc, code: str, name: str, known: Iterable[str]) -> Iterator[Finding]:
    names = sorted(known)
    if name not in names:
        yield nearest(loc, code, name, names, {"name": name, "known": ", ".join(names)})


def _check_channels(parts: Parts, known: KnownNames) -> Iterator[Finding]:
    trackings = set()
    for place, name in enumerate(parts.get("channels", ())):
        loc = ("channels", place)
        facts = known.channels.get(name)
        if facts is None:
            yield from _unknown(loc, "unknown_channel", name, known.channels)
            return
        if "type" in parts and rules_of(parts["type"]).channel not in facts.message_types:
            context = {"name": name, "type": parts["type"], "types": ", ".join(sorted(facts.message_types))}
            yield Finding(loc, "channel_wrong_type", context)
        else:
            trackings.add(facts.click_tracking)
    experiment = parts.get("experiment")
    # A link for everybody of a variant counts clicks and not people, so no test can be decided by it.
    if experiment and experiment.primary_metric == "clicks" and trackings & {"none", "per_variant"}:
        yield Finding(("experiment", "primary_metric"), "clicks_not_tracked")


def _check_library(parts: Parts, known: KnownNames) -> Iterator[Finding]:
    template: Template = parts["template"]
    if template.library is not None:
        yield from _unknown(("template", "library"), "unknown_template", template.library, known.templates)


def _own_constants(parts: Parts) -> frozenset[str]:
    """The variables every arm has a value for."""
    template: Template = parts["template"]
    arms = parts["experiment"].variants if parts["experiment"] else ()
    of_arms = [frozenset(variant.variables) for variant in arms]
    return frozenset(template.variables) | {"link"} | (frozenset.intersection(*of_arms) if of_arms else frozenset())


def _check_variables(parts: Parts, known: KnownNames) -> Iterator[Finding]:
    """Every variable of a text has a value, and every constant has a text that uses it."""
    template: Template = parts["template"]
    have = _own_constants(parts) | known.variables
    used: set[str] = set(known.templates.get(template.library or "", frozenset()))
    for name in sorted(used - have):
        yield Finding(("template", "library"), "library_variable_missing", {"name": name})
    for loc, text in arm_texts(parts):
        for each in find_placeholders(text):
            used.add(each.name)
            if each.name not in have:
                context = {"name": each.name, "known": ", ".join(sorted(have))}
                yield nearest(loc, "unknown_variable", each.name, have, context, offset=each.offset)
    if used:
        for name in sorted(set(template.variables) - used):
            yield Finding(("template", "variables", name), "constant_unused", {"name": name}, on_key=True)


def _check_fixed_text(parts: Parts, known: KnownNames) -> Iterator[Finding]:
    """A channel that allows no variables takes only texts that are the same for everybody."""
    fixed = [
        name
        for name in parts.get("channels", ())
        if name in known.channels and not known.channels[name].variables_allowed
    ]
    if not fixed:
        return
    constants = _own_constants(parts)
    for loc, text in arm_texts(parts):
        for each in find_placeholders(text):
            if each.name not in constants:
                yield Finding(
                    loc, "variables_not_allowed", {"channel": fixed[0], "name": each.name}, offset=each.offset
                )
                break
