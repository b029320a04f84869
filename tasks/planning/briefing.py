"""Everything the planning stages have to know of one campaign, read once and checked together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from chuda.campaign.experiment import Variant
from chuda.campaign.load import load_campaign
from chuda.campaign.model import Campaign
from chuda.campaign.references import KnownNames
from chuda.campaign.schedule import Recurring
from chuda.campaign.segments import Segment, load_segments
from chuda.campaign.template import find_placeholders
from chuda.campaign.trade_slots import load_slots
from chuda.errors import Refused, UsageError
from chuda.records.business import BusinessRecord, load_business
from chuda.records.channel import ChannelRecord, load_channel
from chuda.settings import Settings
from chuda.stores.ledger.channels import Route
from tasks.channels.choice import (
    able_to_stand_in,
    able_to_take_over,
    rank_channels,
    read_standing,
    reasons_not_to_stand_in,
)
from tasks.content.context import ContentContext, load_content_reference
from tasks.content.overflow import OverflowPolicy
from tasks.content.scenarios import LIBRARY_FOLDER, Scenario, load_library
from tasks.experiments.registration import Arm, Registration
from tasks.planning.events import EVENT_VARIABLES
from tasks.planning.offers import Offer, read_offers
from tasks.planning.schedule import Timing, plan_timing, warn
from tasks.planning.short_links import link_in_texts
from tasks.planning.slot_history import read_slot_history
from tasks.planning.texts import Wording, overflow_policy, read_wording

PERSONAL_VARIABLES = frozenset({"signature", "salutation", "surname", "name", "city", "points", "points_expire_on"})
# Trades that may not advertise at all without prior leave; others need it for certain words only (the lexicons).
RESTRICTED_TRADES = frozenset({"finance", "medical"})
_ALL_EVENT_VARIABLES = frozenset(name for names in EVENT_VARIABLES.values() for name in names)
_METRICS = {"clicks": "clicked", "conversions": "converted"}


@dataclass(frozen=True, slots=True)
class Briefing:
    """One campaign with the records it names, its timing, its templates and the context its texts are checked in."""

    campaign: Campaign
    channel: ChannelRecord
    business: BusinessRecord
    timing: Timing
    wordings: dict[str | None, Wording]
    policies: dict[str | None, OverflowPolicy]
    context: ContentContext
    registration: Registration | None
    campaign_file: Path
    business_file: Path
    routes: tuple[Route, ...] = ()  # what avoids which channel now
    fallbacks: tuple[ChannelRecord, ...] = ()  # what the cells go through that avoid the channel, in order
    offers: tuple[Offer, ...] = ()

    @property
    def recurring(self) -> Recurring | None:
        """The event of a recurring campaign."""
        return self.campaign.schedule.recurring if self.campaign.schedule else None

    @property
    def occurrence(self) -> str:
        """What makes two sendings of one campaign different: its day; a campaign without a day is sent once."""
        if self.recurring:
            return str(self.timing.first_opening.date())
        day = self.campaign.schedule.date if self.campaign.schedule else None
        return "once" if day in (None, "auto") else str(day)

    @property
    def draft_id(self) -> str:
        """The name of the draft in which the stages build the plan."""
        return f"draft_{self.campaign.id}_{self.occurrence}".replace("-", "_")

    @property
    def standing_digest(self) -> str:
        """SHA-256 of what a standing approval covers: the campaign, its channel and its business, not the people."""
        said = [self.campaign.canonical_json(), self.channel.model_dump_json(), self.business.model_dump_json()]
        said += [channel.model_dump_json() for channel in self.standby]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()

    @property
    def standby(self) -> tuple[ChannelRecord, ...]:
        """The channels that may take over, in order, what the plan's own has not sent when it stops while sending."""
        signatures = frozenset(self.context.signatures)
        return tuple(able_to_stand_in(self.channel, self.fallbacks, self.campaign.type, signatures, self.routes))

    def is_authorised_on(self, day: date) -> bool:
        """Whether the campaign's trade needs no authorisation, or one is on record and valid on that day."""
        return self.campaign.trade not in RESTRICTED_TRADES or self.business.is_authorised(self.campaign.trade, day)


def read_briefing(settings: Settings, campaign_file: Path, now: datetime) -> Briefing:
    """Read a campaign and everything it names.

    Raises:
        BadFile: a file is wrong; every problem with its place.
        Refused: the channel may not be used today, or no lawful time can be found.
    """
    channels = load_channels(settings)
    scenarios = load_library(settings.reference / LIBRARY_FOLDER)
    known = KnownNames(
        segments=frozenset(segment.name for segment in load_all_segments(settings)),
        channels={name: record.facts() for name, record in channels.items()},
        variables=PERSONAL_VARIABLES | _ALL_EVENT_VARIABLES,
        trades=load_slots(settings.reference / "slots.yaml", lang=settings.lang).names(),
        templates={name: _variables_of(scenario) for name, scenario in scenarios.items()},
    )
    campaign = load_campaign(campaign_file, known=known, now=now, lang=settings.lang).value
    _check_event(campaign, scenarios)
    business_file = _beside(campaign_file, campaign.sender)
    business = load_business(business_file, lang=settings.lang).value
    verdicts, routes = read_standing(settings)
    fit, unfit = rank_channels(campaign.channels, channels, campaign.type, verdicts, now, business.allowed_signatures)
    channel, *fallbacks = fit
    context = _context(settings, campaign, channel, business, now)
    signatures = frozenset(context.signatures) if channel.signatures else frozenset()
    arms: dict[str | None, Variant | None] = {arm.name: arm for arm in campaign.arms()} or {None: None}
    is_fixed = campaign.type == "marketing" and not channel.variables_allowed
    slots = load_slots(settings.reference / "slots.yaml", lang=settings.lang)
    link = link_in_texts(campaign, channel)
    briefing = Briefing(
        campaign=campaign,
        channel=channel,
        business=business,
        timing=warn(
            plan_timing(campaign, channel, business, slots, now, read_slot_history(settings.marts_file, now)),
            [*unfit, *_not_standing_in(channel, fallbacks, campaign.type, context, routes)],
        ),
        wordings={
            name: read_wording(campaign, arm, scenarios, business.signatures, is_fixed, link)
            for name, arm in arms.items()
        },
        policies={
            name: overflow_policy(campaign, arm, scenarios, business.signatures, link) for name, arm in arms.items()
        },
        context=context,
        registration=_registration(campaign, channel),
        campaign_file=campaign_file.resolve(),
        business_file=business_file.resolve(),
        routes=routes,
        fallbacks=tuple(able_to_take_over(channel, fallbacks, signatures)),
    )
    briefing = replace(briefing, offers=read_offers(campaign, campaign_file, channel, briefing.context))
    if not briefing.is_authorised_on(now.date()):
        raise Refused(
            f"{campaign.id}: trade_not_authorised: {campaign.trade} 行业须先登记授权 / campaigns of the trade "
            f"{campaign.trade} need a valid authorisation on the business record (`authorisations`)"
        )
    return briefing


def _not_standing_in(
    channel: ChannelRecord, fallbacks: Sequence[ChannelRecord], message_type: str, context: ContentContext,
    routes: Sequence[Route],
) -> Iterator[str]:  # fmt: skip
    """Which further channels do not take over when the first stops while sending, and the keys that differ."""
    for other in fallbacks:
        keys = reasons_not_to_stand_in(channel, other, message_type, frozenset(context.signatures), routes)
        if keys:
            yield (
                f"渠道 {channel.name} 发送中停了，{other.name} 不能接替（{', '.join(keys)}）/ {other.name} does not "
                f"take over if {channel.name} stops while sending ({', '.join(keys)})"
            )


def _check_event(campaign: Campaign, scenarios: Mapping[str, Scenario]) -> None:
    """Refuse a text that names an event its campaign does not have."""
    recurring = campaign.schedule.recurring if campaign.schedule else None
    own = frozenset(EVENT_VARIABLES[recurring.event]) if recurring else frozenset()
    template, library = campaign.template, campaign.template.library
    texts = [text for _, text in template.texts()] + [arm.text for arm in campaign.arms() if arm.text]
    used = {each.name for text in texts for each in find_placeholders(text)}
    used |= _variables_of(scenarios[library]) if library else frozenset()
    constants = frozenset(template.variables).union(*(arm.variables for arm in campaign.arms()))
    unknown = sorted((used & _ALL_EVENT_VARIABLES) - own - constants)
    if unknown:
        event = f"event: {recurring.event}" if recurring else "a campaign without `recurring`"
        raise Refused(f"{campaign.id}: {{{unknown[0]}}} has no value in {event}; give it one under template.variables")


def _variables_of(scenario: Scenario) -> frozenset[str]:
    return frozenset(name for template in scenario.texts.values() for name in template.variables) - {"signature"}


def load_channels(settings: Settings) -> dict[str, ChannelRecord]:
    """All channel records of the workspace by name."""
    files = sorted((settings.campaigns / "channels").glob("*.yaml"))
    records = [load_channel(path, lang=settings.lang).value for path in files]
    return {record.name: record for record in records}


def load_all_segments(settings: Settings) -> list[Segment]:
    """The shipped segment definitions and those of the workspace (`segments.yaml` beside the campaigns)."""
    shipped = load_segments(settings.reference / "segments.yaml", lang=settings.lang)
    own_file = settings.campaigns / "segments.yaml"
    own = load_segments(own_file, lang=settings.lang) if own_file.exists() else ()
    own_names = {segment.name for segment in own}
    return [*(segment for segment in shipped if segment.name not in own_names), *own]


def own_lexicon(settings: Settings) -> Path | None:
    """The workspace's own words, exceptions and entries switched off (`lexicon.yaml` beside the campaigns)."""
    path = settings.campaigns / "lexicon.yaml"
    return path if path.exists() else None


def checking_context(settings: Settings) -> ContentContext:
    """What a text is checked against outside of a campaign: marketing, the workspace's business, no channel's rules."""
    business_file = settings.campaigns / "business.yaml"
    business = load_business(business_file, lang=settings.lang).value if business_file.exists() else None
    return ContentContext(
        reference=load_content_reference(settings.reference, own_lexicon(settings)),
        signatures=tuple(sorted(business.allowed_signatures)) if business else (),
        links="variables",
    )


def _beside(campaign_file: Path, sender: str) -> Path:
    path = campaign_file.parent / sender
    if not path.exists():
        path = campaign_file.parent / f"{sender}.yaml"
    if not path.exists():
        raise UsageError(f"{campaign_file}: sender {sender!r} names no business record beside the campaign file")
    return path


def _context(
    settings: Settings, campaign: Campaign, channel: ChannelRecord, business: BusinessRecord, now: datetime
) -> ContentContext:
    signatures = business.allowed_signatures & frozenset(channel.signatures or business.allowed_signatures)
    authorised = frozenset(a.trade for a in business.authorisations if business.is_authorised(a.trade, now.date()))
    return ContentContext(
        reference=load_content_reference(settings.reference, own_lexicon(settings)),
        signatures=tuple(sorted(signatures)),
        message_type=campaign.type,
        trade=campaign.trade,
        authorisations=authorised,
        opt_out_wording=channel.opt_out_wording,
        variables_allowed=channel.variables_allowed,
        links=channel.links,
        filed_links=tuple(channel.filed_links),
        max_units=overflow_policy(campaign).longest_units,
    )


def _registration(campaign: Campaign, channel: ChannelRecord) -> Registration | None:
    experiment = campaign.experiment
    if experiment is None:
        return None
    is_counted, layer = channel.click_tracking not in ("none", "per_variant"), experiment.layer
    arms = tuple(
        Arm.model_validate({
            "name": v.name, "cost_cny": v.cost_cny or Decimal(0),
            # An arm without a link cannot be clicked, whatever the channel counts; a library text has its link.
            "is_click_measured": is_counted and "{link}" in (campaign.text_of(v) or "{link}"),
            experiment.variable: str(v.slot) if v.slot else (v.text or " / ".join(v.variables.values())),
        })
        for v in experiment.variants
    )  # fmt: skip
    return Registration.model_validate({
        "experiment_id": f"{campaign.id}", "variable": experiment.variable, "arms": arms,
        "primary_metric": _METRICS[experiment.primary_metric], "window_hours": experiment.window_hours,
        "target_mde": float(experiment.target_mde), "sample_fraction": float(experiment.sample or 1),
        "fallback_arm": experiment.fallback, "holdout_fraction": float(experiment.holdout),
        **({"layer": layer.name, "layer_low": float(layer.low), "layer_high": float(layer.high)} if layer else {}),
        "mode": experiment.mode, "send_leader_unproven": experiment.send_leader_unproven,
        "indifference_zone": float(experiment.indifference) if experiment.indifference else None,
    })  # fmt: skip
