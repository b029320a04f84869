"""The wanted replies of a campaign: keywords told from opt-outs, texts that may be sent, pools with codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chuda.campaign.model import Campaign
from chuda.campaign.template import find_placeholders
from chuda.errors import Refused, UsageError
from chuda.records.channel import ChannelRecord
from tasks.content.checks import check_text
from tasks.content.context import ContentContext
from tasks.content.replies import check_keywords

_LONGEST_CODE = 32
_COUPON = "coupon"
_CREATE = """
CREATE TABLE IF NOT EXISTS main.plan_offer (plan_id VARCHAR NOT NULL, campaign_id VARCHAR NOT NULL,
    keyword VARCHAR NOT NULL, text VARCHAR NOT NULL, codes VARCHAR[] NOT NULL, days INTEGER NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """One keyword with its answer; `codes` is empty where the answer holds none."""

    keyword: str
    text: str
    codes: tuple[str, ...]


def read_offers(
    campaign: Campaign, campaign_file: Path, channel: ChannelRecord, context: ContentContext
) -> tuple[Offer, ...]:
    """The wanted replies of a campaign, checked like its messages.

    Raises:
        UsageError: a keyword means an opt-out, or a pool is missing, empty or has a code twice.
        Refused: an answer fails a content check, or the channel sends filed templates only.
    """
    if not campaign.replies:
        return ()
    if channel.adapter != "generic":
        raise Refused(
            f"{campaign.id}: channel {channel.name} sends filed templates only; answers to keywords need a channel "
            "that takes free text (generic)"
        )
    check_keywords([reply.keyword for reply in campaign.replies], context.reference.reply_words)
    offers = tuple(
        Offer(reply.keyword, reply.text, _read_codes(campaign_file.parent / reply.coupons) if reply.coupons else ())
        for reply in campaign.replies
    )
    for offer in offers:
        _check_answer(campaign.id, offer, replace(context, message_type="marketing"))
    return offers


def _read_codes(path: Path) -> tuple[str, ...]:
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path.name}: there is no such file of coupon codes (UTF-8, one a line)") from None
    codes = [line for line in lines if line]
    bad = next((n for n, line in enumerate(lines, 1) if line and not _is_code(line)), None)
    if bad is not None:
        raise UsageError(f"{path.name}:{bad}: a code is at most {_LONGEST_CODE} letters, digits, - or _, one a line")
    if not codes or len(set(codes)) < len(codes):
        raise UsageError(f"{path.name}: {'a code stands there twice' if codes else 'there are no codes in it'}")
    return tuple(codes)


def _is_code(text: str) -> bool:
    return len(text) <= _LONGEST_CODE and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def _check_answer(campaign_id: str, offer: Offer, context: ContentContext) -> None:
    unknown = sorted({each.name for each in find_placeholders(offer.text)} - {_COUPON})
    if unknown:
        raise Refused(f"{campaign_id}: the answer to {offer.keyword} may hold {{coupon}} only, not {{{unknown[0]}}}")
    longest = offer.text.replace("{coupon}", max(offer.codes, key=len, default=""))
    errors = [finding for finding in check_text(longest, context) if finding.severity == "block"]
    if errors:
        raise Refused(
            f"{campaign_id}: the answer to {offer.keyword}: {errors[0].message('zh')} / {errors[0].message('en')}"
        )


def publish_offers(connection: Any, plan_id: str, campaign: Campaign, offers: tuple[Offer, ...]) -> None:
    """Freeze the offers with their plan; they open when the plan is sealed."""
    connection.execute(_CREATE)
    for offer in offers:
        connection.execute(
            "INSERT INTO main.plan_offer VALUES (?, ?, ?, ?, ?, ?)",
            [plan_id, campaign.id, offer.keyword, offer.text, list(offer.codes), campaign.attribution_days],
        )
