"""The checks on a template before anybody's values are known; positions refer to `template.source`.

Variables stand as walls: no word is found across them. What the values bring in is checked by `frame_checks`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tasks.content import checks, notices
from tasks.content.context import ContentContext
from tasks.content.findings import Finding
from tasks.content.folding import WALL
from tasks.content.templates import SALUTATION, Literal, Slot, Template, render_one

_GREETINGS = ("您好", "你好", "Hello")
_TEXT_CHECKS = (
    checks.check_opt_out,
    checks.check_promises,
    checks.check_trade,
    checks.check_absolute_claims,
    checks.check_provider_words,
    checks.check_purpose,
    checks.check_links,
)


def check_template(
    template: Template, context: ContentContext, sample: Mapping[str, object] | None = None
) -> list[Finding]:
    """All findings of a template, in the order of their places.

    With `sample`, typical values by variable, the length of the typical message is checked too.
    """
    walled = _source_with(template, WALL)
    findings = [finding for check in _TEXT_CHECKS for finding in check(walled, context)]
    findings += checks.check_symbols(_source_with(template, " "), context)
    # An unbound {signature} is filled with a registered name by the campaign and checked in the rendered messages.
    if not _begins_with_signature_slot(template):
        findings += checks.check_signature(template.source, context)
    findings += _check_slots(template, context)
    if sample is not None:
        findings += _check_sample(template, context, sample)
    return sorted(findings, key=lambda finding: (finding.start, finding.end, finding.message_key))


def _source_with(template: Template, filler: str) -> str:
    """The source with everything of a slot but its fallback replaced, character by character."""
    pieces = []
    for part in template.parts:
        if isinstance(part, Literal):
            pieces.append(part.text)
        else:
            fallback = part.fallback or ""
            hidden = len(part.source) - len(fallback) - 1
            pieces.append(filler * hidden + fallback + filler)
    return "".join(pieces)


def _begins_with_signature_slot(template: Template) -> bool:
    return template.source.startswith("【{signature}】")


def _slots(template: Template) -> Iterator[tuple[Slot, int, str]]:
    """The slots with their place in the source and the text that follows."""
    place = 0
    source = template.source
    for part in template.parts:
        length = len(part.text) if isinstance(part, Literal) else len(part.source)
        if isinstance(part, Slot):
            yield part, place, source[place + length :]
        place += length


def _check_slots(template: Template, context: ContentContext) -> Iterator[Finding]:
    source = template.source
    for slot, start, rest in _slots(template):
        end = start + len(slot.source)
        if slot.name == "signature":
            continue
        if not context.variables_allowed:
            yield notices.VARIABLES_FORBIDDEN.at(source, start, end)
        elif slot.name == "link" and context.links == "none":
            yield notices.LINK_FORBIDDEN.at(source, start, end)
        elif slot.name == "link" and context.links in ("filed", "text"):
            yield notices.LINK_IN_VARIABLE.at(source, start, end)
        if slot.name == SALUTATION and slot.fallback is None and rest.lstrip("，, ").startswith(_GREETINGS):
            yield notices.SALUTATION_DOUBLED.at(source, start, end)


def _check_sample(template: Template, context: ContentContext, sample: Mapping[str, object]) -> Iterator[Finding]:
    text = render_one(template, {"signature": "".join(context.signatures[:1]), **sample})
    source = template.source
    if text is None:
        yield notices.MISSING_VARIABLE.at(source, 0, len(source))
        return
    if checks.check_length(text, context):
        yield checks.describe_length(text, context).at(source, 0, len(source))
