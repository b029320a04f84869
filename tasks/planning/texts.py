"""Rendering what each person would get under each variant, and who cannot get any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from chuda.campaign.experiment import Variant
from chuda.campaign.model import Campaign
from chuda.campaign.template import fill_constants
from chuda.errors import Refused
from tasks.content.context import ContentContext
from tasks.content.findings import Finding
from tasks.content.frame_checks import check_messages
from tasks.content.overflow import OverflowPolicy, resolve_overflow
from tasks.content.template_checks import check_template
from tasks.content.templates import Template, parse_template

_ACTIONS = {"exclude": "exclude", "shorter_text": "shorter", "drop_variables": "drop", "pay": "pay"}


@dataclass(frozen=True, slots=True)
class RenderedTexts:
    """`texts`: token, variant, text, units, parts; `excluded`: token, reason."""

    texts: pl.DataFrame
    excluded: pl.DataFrame


def read_template(
    campaign: Campaign, variant: Variant | None, library: dict[str, str], signatures: Sequence[str]
) -> Template:
    """The template of a variant with its constants and the business's first signature written in.

    Raises:
        UsageError: an unknown variable or library template.
    """
    source = campaign.text_of(variant) or library[campaign.template.library or ""]
    signature = {"signature": signatures[0]} if signatures else {}
    return parse_template(fill_constants(source, signature | campaign.constants_of(variant)))


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


def render_texts(
    people: pl.DataFrame, templates: dict[str | None, Template], policy: OverflowPolicy, context: ContentContext
) -> RenderedTexts:
    """Render every variant for everybody; whoever cannot get one of them is left out of the campaign.

    That keeps the arms comparable and the roll-out possible whichever variant wins.

    Args:
        people: the eligible, with token, phone_region and the columns the templates need.
        templates: by variant, None where there are none.
        policy: what happens to texts that are too long.
        context: what every rendered text is checked against.
    """
    rendered, excluded = [], []
    for variant, template in templates.items():
        columns = list(dict.fromkeys(("token", "phone_region", *template.columns)))
        frame = resolve_overflow(
            people.lazy().select(columns), template, policy, region=pl.col("phone_region")
        ).collect()
        excluded.append(frame.filter(pl.col("reason").is_not_null()).select("token", "reason"))
        kept = frame.filter(pl.col("reason").is_null())
        found = check_messages(kept, template, context, region=pl.col("phone_region"))
        blocked = found.filter(pl.col("severity") == "block")["row"].unique()
        excluded.append(kept[blocked.to_list()].select("token", reason=pl.lit("text_blocked")))
        rendered.append(kept.select("token", pl.lit(variant, pl.String).alias("variant"), "text", "units", "parts"))
    out = pl.concat(excluded).unique("token", keep="first", maintain_order=True)
    texts = pl.concat(rendered).join(out, on="token", how="anti")
    return RenderedTexts(texts, out)


def overflow_policy(campaign: Campaign) -> OverflowPolicy:
    """The campaign's overflow policy in the terms of the content room."""
    template = campaign.template
    short = fill_constants(template.short_text, campaign.constants_of(None)) if template.short_text else None
    return OverflowPolicy(
        action=_ACTIONS[template.overflow],  # type: ignore[arg-type]
        shorter=parse_template(short) if short else None,
        drop=tuple(template.drop_variables),
        max_units=template.max_units,
    )
