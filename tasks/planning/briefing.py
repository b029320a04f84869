"""Everything the planning stages have to know of one campaign, read once and checked together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from chuda.campaign.load import load_campaign
from chuda.campaign.model import Campaign
from chuda.campaign.references import KnownNames
from chuda.campaign.segments import Segment, load_segments
from chuda.campaign.trade_slots import load_slots
from chuda.errors import Refused, UsageError
from chuda.records.business import BusinessRecord, load_business
from chuda.records.channel import ChannelRecord, load_channel
from chuda.records.licence import licence_problems
from chuda.settings import Settings
from tasks.content.context import ContentContext, load_content_reference
from tasks.content.scenarios import LIBRARY_FOLDER, Scenario, load_library
from tasks.experiments.registration import Arm, Registration
from tasks.planning.schedule import Timing, plan_timing
from tasks.planning.texts import Wording, overflow_policy, read_wording

PERSONAL_VARIABLES = frozenset({"signature", "salutation", "surname", "name", "city", "points", "points_expire_on"})
_METRICS = {"clicks": "clicked", "conversions": "converted"}


@dataclass(frozen=True, slots=True)
class Briefing:
    """One campaign with the records it names, its timing, its templates and the context its texts are checked in."""

    campaign: Campaign
    channel: ChannelRecord
    business: BusinessRecord
    timing: Timing
    wordings: dict[str | None, Wording]
    context: ContentContext
    registration: Registration | None

    @property
    def occurrence(self) -> str:
        """What makes two sendings of one campaign different: its day; a campaign without a day is sent once."""
        day = self.campaign.schedule.date if self.campaign.schedule else None
        return "once" if day in (None, "auto") else str(day)

    @property
    def draft_id(self) -> str:
        """The name of the draft in which the stages build the plan."""
        return f"draft_{self.campaign.id}_{self.occurrence}".replace("-", "_")


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
        variables=PERSONAL_VARIABLES,
        trades=load_slots(settings.reference / "slots.yaml", lang=settings.lang).names(),
        templates={name: _variables_of(scenario) for name, scenario in scenarios.items()},
    )
    campaign = load_campaign(campaign_file, known=known, now=now, lang=settings.lang).value
    refuse_unsupported(campaign)
    channel = channels[campaign.channels[0]]
    check_channel(channel, now)
    business = load_business(_beside(campaign_file, campaign.sender), lang=settings.lang).value
    wordings = {
        variant.name if variant else None: read_wording(campaign, variant, scenarios, business.signatures)
        for variant in (campaign.arms() or (None,))
    }
    slots = load_slots(settings.reference / "slots.yaml", lang=settings.lang)
    return Briefing(
        campaign=campaign,
        channel=channel,
        business=business,
        timing=plan_timing(campaign, channel, business, slots, now),
        wordings=wordings,
        context=_context(settings, campaign, channel, business, now),
        registration=_registration(campaign, channel),
    )


def refuse_unsupported(campaign: Campaign) -> None:
    """Refuse what a campaign file may say and this version does not do: ignoring it would break what was asked for.

    Raises:
        Refused: by name.
    """
    if campaign.schedule and campaign.schedule.recurring:
        raise Refused(f"{campaign.id}: recurring campaigns are not planned by this version; give it a date")
    if campaign.replies:
        raise Refused(f"{campaign.id}: this version does not answer reply keywords; take `replies` out")


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


def check_channel(channel: ChannelRecord, now: datetime) -> None:
    """Refuse a channel without a valid licence on record.

    Raises:
        Refused: what is wrong with its record and what to do.
    """
    errors = [problem for problem in licence_problems(channel, now.date()) if problem.severity == "error"]
    if errors:
        raise Refused("\n".join(str(problem) for problem in errors))


def checking_context(settings: Settings) -> ContentContext:
    """What a text is checked against outside of a campaign: marketing, the workspace's business, no channel's rules."""
    business_file = settings.campaigns / "business.yaml"
    business = load_business(business_file, lang=settings.lang).value if business_file.exists() else None
    return ContentContext(
        reference=load_content_reference(settings.reference),
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
        reference=load_content_reference(settings.reference),
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
    is_measured, layer = channel.click_tracking != "none", experiment.layer
    arms = tuple(
        Arm.model_validate({
            "name": v.name, "cost_cny": v.cost_cny or Decimal(0), "is_click_measured": is_measured,
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
