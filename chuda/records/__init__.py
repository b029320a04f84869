"""Records that a business keeps by hand: its channels with their licences, and itself."""

from chuda.records.business import Authorisation, BusinessRecord, load_business
from chuda.records.channel import ChannelRecord, MessageType, load_channel
from chuda.records.licence import Licence, licence_problems
from chuda.records.vetting import Resend, Tested, Vetting

__all__ = [
    "Authorisation",
    "BusinessRecord",
    "ChannelRecord",
    "Licence",
    "MessageType",
    "Resend",
    "Tested",
    "Vetting",
    "licence_problems",
    "load_business",
    "load_channel",
]
