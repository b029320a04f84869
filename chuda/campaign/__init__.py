"""Campaign files and what they name: the model, conditions on tags, segments, slots, and the checks across files."""

from chuda.campaign.audience import Audience
from chuda.campaign.columns import TAG_COLUMNS, TagColumn
from chuda.campaign.condition import Condition, parse_condition
from chuda.campaign.condition_words import ConditionError
from chuda.campaign.dates import check_dates
from chuda.campaign.experiment import Experiment, Layer, Variant
from chuda.campaign.load import load_campaign
from chuda.campaign.model import Campaign, CampaignType, Reply
from chuda.campaign.references import ChannelFacts, KnownNames, check_references
from chuda.campaign.schedule import Recurring, Schedule
from chuda.campaign.segments import Segment, load_segments
from chuda.campaign.slot import LEGAL_WINDOW, SERVICE_WINDOW, Slot, covers, overlap, parse_slot, slot_on
from chuda.campaign.template import Template, count_units, fill_constants, find_placeholders
from chuda.campaign.trade_slots import SlotTable, TradeSlots, load_slots

__all__ = [
    "LEGAL_WINDOW",
    "SERVICE_WINDOW",
    "TAG_COLUMNS",
    "Audience",
    "Campaign",
    "CampaignType",
    "ChannelFacts",
    "Condition",
    "ConditionError",
    "Experiment",
    "KnownNames",
    "Layer",
    "Recurring",
    "Reply",
    "Schedule",
    "Segment",
    "Slot",
    "SlotTable",
    "TagColumn",
    "Template",
    "TradeSlots",
    "Variant",
    "check_dates",
    "check_references",
    "count_units",
    "covers",
    "fill_constants",
    "find_placeholders",
    "load_campaign",
    "load_segments",
    "load_slots",
    "overlap",
    "parse_condition",
    "parse_slot",
    "slot_on",
]
