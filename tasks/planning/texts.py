"""Rendering what each person would get under each variant, and who cannot get any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from chuda.campaign.experiment import Variant
from chuda.campaign.model import Campaign
from chuda.errors import Refused
from tasks.content.context import ContentContext
from tasks.content.findings import Finding
from tasks.content.frame_checks import check_messages
from tasks.content.overflow import OVER_LENGTH_REASON, Action, OverflowPolicy, resolve_overflow
from tasks.content.parts import DOMESTIC
from tasks.content.scenarios import Scenario
from tasks.content.template_checks import check_template
from tasks.content.templates import Template, choose_language, fixed_text, parse_template
from tasks.content.variables import Language

_ACTIONS: Mapping[str, Action] = {
    "exclude": "exclude",
    "shorter_text": "shorter",
    "drop_variables": "drop",
    "pay": "pay",
}


@dataclass(frozen=True, slots=True)
class RenderedTexts:
    """`texts`: token, variant, text, units, parts; `excluded`: token, reason."""

    texts: pl.DataFrame
    excluded: pl.DataFrame


Wording = Mapping[Language, Template]
"""The template of one variant in each language it is written in; simplified Chinese first."""


def read_wording(
    campaign: Campaign,
    variant: Variant | None,
    library: Mapping[str, Scenario],
    signatures: Sequence[str],
    is_fixed: bool = False,
    link: str | None = None,
) -> Wording:
    """The templates of a variant with its constants and the business's first signature written in.

    With `is_fixed`, for channels that allow no variables, fallbacks and the neutral salutation stand in for the rest.
    `link` stands in for the campaign's own, where each message gets one (see `short_links`).

    Raises:
        UsageError: an unknown variable or library template; a variable without fallback in a fixed text.
    """
    template = campaign.template
    constants = _constants(campaign, variant, signatures, link)
    sources: dict[Language, str] = {}
    own_text = campaign.text_of(variant)
    if own_text is not None:
        sources["zh-Hans"] = own_text
        for language, text in template.languages.items():
            sources[language] = text
    elif template.library is not None:
        sources = {name: written.source for name, written in library[template.library].texts.items()}
    written = {language: parse_template(source, language, tuple(constants)) for language, source in sources.items()}
    if is_fixed:
        return {language: fixed_text(template, constants) for language, template in written.items()}
    return {language: template.bind(constants) for language, template in written.items()}


def _constants(
    campaign: Campaign, variant: Variant | None, signatures: Sequence[str], link: str | None
) -> dict[str, str]:
    own = {"link": link} if link and campaign.template.link else {}
    return ({"signature": signatures[0]} if signatures else {}) | campaign.constants_of(variant) | own


def check_campaign_texts(templates: Sequence[Template], context: ContentContext) -> tuple[Finding, ...]:
    """The findings that only flag; a blocking one refuses the campaign.

    Raises:
        Refused: naming every blocking finding, its place, the law behind it and what to do.
    """
    findings = [(template, finding) for template in templates for finding in check_template(template, context)]
    blocking = [(template, finding) for template, finding in findings if finding.severity == "block"]
    if blocking:
        said = "\n".join(
            f"  第 {f.start + 1} 字「{f.excerpt}」: {f.message_zh}（{f.law}）→ {f.advice}" for _, f in blocking
        )
        raise Refused(f"文案未通过内容检查 / the text fails the content checks:\n{said}")
    return tuple(finding for _, finding in findings)


def columns_to_read(
    wordings: Mapping[str | None, Wording], policies: Mapping[str | None, OverflowPolicy]
) -> tuple[str, ...]:
    """The columns of people that `render_texts` looks at."""
    templates = [template for wording in wordings.values() for template in wording.values()]
    templates += [policy.shorter for policy in policies.values() if policy.shorter]
    values = (column for template in templates for column in template.columns)
    return tuple(dict.fromkeys(("token", "language", "phone_region", *values)))


def render_texts(
    people: pl.DataFrame,
    wordings: Mapping[str | None, Wording],
    policies: Mapping[str | None, OverflowPolicy],
    context: ContentContext,
) -> RenderedTexts:
    """Render every variant for everybody; whoever cannot get one of them is left out of the campaign.

    That keeps the arms comparable and the roll-out possible whichever variant wins.

    Args:
        people: the eligible, with token, language, phone_region and the columns the templates need.
        wordings: by variant, None where there are none.
        policies: what happens to texts that are too long, by variant.
        context: what every rendered text is checked against.
    """
    rendered, excluded = [], []
    for variant, wording in wordings.items():
        chosen = choose_language(list(wording), pl.col("language"), pl.col("phone_region"))
        for language, template in wording.items():
            group = people.filter(chosen == language)
            texts, lost = _render_group(group, template, _policy_in(policies[variant], language), context)
            rendered.append(texts.with_columns(pl.lit(variant, pl.String).alias("variant")))
            excluded.append(lost)
    out = pl.concat(excluded).unique("token", keep="first", maintain_order=True)
    kept = pl.concat(rendered).join(out, on="token", how="anti")
    return RenderedTexts(kept.select("token", "variant", "text", "units", "parts"), out)


def _render_group(
    people: pl.DataFrame, template: Template, policy: OverflowPolicy, context: ContentContext
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The texts of one template, and who cannot get one (token, reason)."""
    # Only numbers abroad need a look at each text's alphabet.
    region = pl.col("phone_region") if (people["phone_region"] != DOMESTIC).any() else None
    shorter = policy.shorter.columns if policy.shorter else ()
    columns = list(dict.fromkeys(("token", "phone_region", *template.columns, *shorter)))
    frame = _resolve(people.select(columns), template, policy, region)
    unsent = frame.filter(pl.col("reason").is_not_null()).select("token", "reason")
    kept = frame.filter(pl.col("reason").is_null())
    found = check_messages(kept, template, context, region=region, units="units")
    blocked = found.filter(pl.col("severity") == "block")["row"].unique()
    refused = kept[blocked.to_list()].select("token", reason=pl.lit("text_blocked"))
    # Languages need different columns: what goes on has the same ones.
    texts = kept.join(refused, on="token", how="anti").select("token", "text", "units", "parts")
    return texts, pl.concat([unsent, refused])


def _resolve(people: pl.DataFrame, template: Template, policy: OverflowPolicy, region: pl.Expr | None) -> pl.DataFrame:
    """`resolve_overflow`, with the other texts of a policy made only for those whose full text is too long."""
    plain = replace(policy, action="exclude", shorter=None, drop=(), otherwise="exclude")
    frame = resolve_overflow(people.lazy(), template, plain, region=region).collect()
    is_over = pl.col("reason").eq_missing(OVER_LENGTH_REASON)
    over = frame.filter(is_over)
    if policy == plain or over.is_empty():
        return frame
    again = resolve_overflow(over.lazy().select(people.columns), template, policy, region=region).collect()
    return pl.concat([frame.filter(~is_over), again])


def _policy_in(policy: OverflowPolicy, language: Language) -> OverflowPolicy:
    """The policy for texts of a language: the shorter text is written in simplified Chinese only."""
    if policy.shorter is None or language == policy.shorter.language:
        return policy
    return replace(policy, action="exclude", shorter=None)


def overflow_policy(
    campaign: Campaign,
    variant: Variant | None = None,
    library: Mapping[str, Scenario] | None = None,
    signatures: Sequence[str] = (),
    link: str | None = None,
) -> OverflowPolicy:
    """A variant's overflow policy in the terms of the content room.

    Who would be left out gets the library template's own shorter text, where it has one.
    """
    template = campaign.template
    constants = _constants(campaign, variant, signatures, link)
    action, short = _ACTIONS[template.overflow], None
    if template.short_text:
        short = parse_template(template.short_text, constants=tuple(constants)).bind(constants)
    elif action == "exclude" and template.library and library and library[template.library].shorter:
        ready = library[template.library].shorter
        action, short = "shorter", ready.bind(constants) if ready else None
    return OverflowPolicy(
        action=action,
        shorter=short,
        drop=tuple(template.drop_variables),
        max_units=template.max_units,
    )
