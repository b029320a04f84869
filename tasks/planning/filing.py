"""Texts that the channel's provider has no template for: nobody gets them, and the plan says so before approval."""

from __future__ import annotations

import polars as pl

from chuda.errors import Refused
from chuda.records.channel import ChannelRecord
from tasks.planning.texts import RenderedTexts

NOT_FILED = "template_not_filed"


def drop_unfiled(rendered: RenderedTexts, channel: ChannelRecord) -> RenderedTexts:
    """Leave out whoever would get a text that none of the channel's filed templates gives.

    Raises:
        Refused: that is everybody; the campaign's text was never filed with this provider.
    """
    if channel.batch_rule == "any" or rendered.texts.is_empty():
        return rendered
    is_filed = pl.any_horizontal(pl.col("text").str.contains(t.pattern) for t in channel.filed_templates)
    lost = rendered.texts.filter(~is_filed).select("token", reason=pl.lit(NOT_FILED)).unique("token")
    kept = rendered.texts.join(lost, on="token", how="anti")
    if kept.is_empty():
        codes = ", ".join(template.code for template in channel.filed_templates)
        raise Refused(
            f"channel {channel.name}: none of its filed templates ({codes}) gives this campaign's text. File the text "
            f"with {channel.adapter}, and add code and wording to filed_templates in the channel's record"
        )
    return RenderedTexts(kept, pl.concat([rendered.excluded, lost]))
