"""What the sections of a campaign demand of one another: small rules over the values that are right so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chuda.campaign.experiment import Experiment
from chuda.campaign.schedule import Schedule
from chuda.campaign.slot import LEGAL_WINDOW, Slot, covers
from chuda.campaign.template import LINK_UNITS, Template, find_overlong, find_placeholders, has_opt_out
from chuda.files import Finding, Loc
from chuda.message_types import rules_of

Parts = Mapping[str, Any]


def check_campaign(parts: Parts) -> Iterator[Finding]:
    """Yield every contradiction between sections; a rule whose sections are not all right keeps silent."""
    for needed, rule in _RULES:
        if all(key in parts for key in needed):
            yield from rule(parts)


def arm_texts(parts: Parts) -> Iterator[tuple[Loc, str]]:
    """Yield each text that somebody may get, with its path in the file."""
    template: Template = parts["template"]
    for loc, text in template.texts():
        yield ("template", *loc), text
    experiment: Experiment | None = parts.get("experiment")
    for place, variant in enumerate(experiment.variants if experiment else ()):
        if variant.text:
            yield ("experiment", "variants", place, "text"), variant.text


def written_slots(parts: Parts) -> Iterator[tuple[Loc, Slot]]:
    """Yield each send slot that the file spells out, with its path."""
    schedule: Schedule | None = parts.get("schedule")
    if schedule and isinstance(schedule.slot, Slot):
        yield ("schedule", "slot"), schedule.slot
    if schedule and schedule.recurring and isinstance(schedule.recurring.slot, Slot):
        yield ("schedule", "recurring", "slot"), schedule.recurring.slot
    experiment: Experiment | None = parts.get("experiment")
    for place, variant in enumerate(experiment.variants if experiment else ()):
        if variant.slot:
            yield ("experiment", "variants", place, "slot"), variant.slot


def _check_sections(parts: Parts) -> Iterator[Finding]:
    """A code is sent at the request of the moment; everything else needs people and a time."""
    for key in ("audience", "schedule"):
        if parts["type"] == "otp" and parts.get(key) is not None:
            yield Finding((key,), "not_for_otp", {"key": key}, on_key=True)
        if parts["type"] != "otp" and key in parts and parts[key] is None:
            yield Finding((key,), "section_missing", {"key": key})
    if parts["type"] != "marketing":
        for key in ("experiment", "replies"):
            if parts.get(key):
                yield Finding((key,), "only_for_marketing", {"key": key}, on_key=True)


def _check_channels(parts: Parts) -> Iterator[Finding]:
    if not parts["channels"]:
        yield Finding(("channels",), "no_channel")


def _check_text_source(parts: Parts) -> Iterator[Finding]:
    """Exactly one place says what the text is: the template, the library, or each variant."""
    template: Template = parts["template"]
    variants = parts["experiment"].variants if parts["experiment"] else ()
    in_variants = [place for place, variant in enumerate(variants) if variant.text]
    if template.text is None and template.library is None:
        if not variants or len(in_variants) < len(variants):
            yield Finding(("template", "text"), "text_missing")
    elif in_variants:
        loc = ("experiment", "variants", in_variants[0], "text")
        yield Finding(loc, "text_in_two_places", on_key=True)
    if in_variants and template.languages:
        yield Finding(("template", "languages"), "languages_with_variant_texts", on_key=True)
    if not template.text or in_variants:
        return
    used = {each.name for each in find_placeholders(template.text)}
    for place, variant in enumerate(variants):
        for key in sorted(set(variant.variables) - used):
            here = ("experiment", "variants", place, "variables", key)
            yield Finding(here, "variant_variable_not_used", {"key": key}, on_key=True)


def _check_opt_out(parts: Parts) -> Iterator[Finding]:
    if not rules_of(parts["type"]).needs_opt_out:
        return
    for loc, text in arm_texts(parts):
        if not has_opt_out(text):
            yield Finding(loc, "missing_opt_out")


def _check_clicks(parts: Parts) -> Iterator[Finding]:
    """Clicks decide nothing if an arm has nothing to click on."""
    template: Template = parts["template"]
    experiment: Experiment | None = parts["experiment"]
    if experiment is None or experiment.primary_metric != "clicks" or template.library:
        return
    for variant in experiment.variants:
        text = variant.text or template.text
        if text and "{link}" not in text:
            yield Finding(("experiment", "primary_metric"), "clicks_without_link", {"name": variant.name})
            return


def _check_variant_texts(parts: Parts) -> Iterator[Finding]:
    """What the template demands of its own text holds for what a variant makes of it."""
    template: Template = parts["template"]
    experiment: Experiment | None = parts["experiment"]
    for place, variant in enumerate(experiment.variants if experiment else ()):
        here: Loc = ("experiment", "variants", place)
        for each in find_placeholders(variant.text or ""):
            if each.name == "link" and template.link is None:
                yield Finding((*here, "text"), "link_missing", offset=each.offset)
        text = variant.text or template.text
        if text and (variant.text or variant.variables):
            loc = (*here, "text" if variant.text else "variables")
            linked = {"link": template.link[:LINK_UNITS]} if template.link else {}
            constants = linked | template.variables | variant.variables
            yield from find_overlong(loc, text, constants, template.overflow, template.max_units)


def _check_windows(parts: Parts) -> Iterator[Finding]:
    """Slots at night are refused for what they are, not shifted."""
    if parts["type"] == "otp":
        return
    window = rules_of(parts["type"]).window
    code = "slot_at_night" if window == LEGAL_WINDOW else "slot_outside_service_hours"
    for loc, slot in written_slots(parts):
        if not covers(window, slot):
            yield Finding(loc, code, {"slot": str(slot), "window": str(window)})


def _check_working_hours(parts: Parts) -> Iterator[Finding]:
    hours: Slot | None = parts["working_hours"]
    if hours is None:
        return
    for loc, slot in written_slots(parts):
        if not covers(hours, slot):
            yield Finding(loc, "slot_outside_working_hours", {"slot": str(slot), "hours": str(hours)})


def _check_slot_test(parts: Parts) -> Iterator[Finding]:
    """The slots of a send-slot test are its variants'; a further one beside them would be sent to nobody."""
    experiment: Experiment | None = parts["experiment"]
    schedule: Schedule | None = parts["schedule"]
    if experiment is None or schedule is None or experiment.variable != "send_slot":
        return
    if isinstance(schedule.slot, Slot):
        yield Finding(("schedule", "slot"), "slot_beside_slot_test", on_key=True)
    if schedule.recurring and isinstance(schedule.recurring.slot, Slot):
        yield Finding(("schedule", "recurring", "slot"), "slot_beside_slot_test", on_key=True)


def _check_attribution(parts: Parts) -> Iterator[Finding]:
    """Orders after the attribution window count for nothing, so the test must not wait for them."""
    experiment: Experiment | None = parts["experiment"]
    if experiment is None or experiment.primary_metric != "conversions":
        return
    if experiment.window_hours > parts["attribution_days"] * 24:
        context = {"hours": str(experiment.window_hours), "days": str(parts["attribution_days"])}
        yield Finding(("experiment", "window_hours"), "window_beyond_attribution", context)


def _check_replies(parts: Parts) -> Iterator[Finding]:
    keywords: list[str] = []
    for place, reply in enumerate(parts["replies"]):
        if reply.keyword in keywords:
            yield Finding(("replies", place, "keyword"), "keyword_twice", {"keyword": reply.keyword})
        keywords.append(reply.keyword)


_RULES: tuple[tuple[tuple[str, ...], Callable[[Parts], Iterator[Finding]]], ...] = (
    (("type",), _check_sections),
    (("channels",), _check_channels),
    (("template", "experiment"), _check_text_source),
    (("type", "template"), _check_opt_out),
    (("template", "experiment"), _check_clicks),
    (("template", "experiment"), _check_variant_texts),
    (("type",), _check_windows),
    (("working_hours",), _check_working_hours),
    (("experiment", "schedule"), _check_slot_test),
    (("experiment", "attribution_days"), _check_attribution),
    (("replies",), _check_replies),
)
