"""What probes say, from `probe_texts.yaml`."""

from __future__ import annotations

from pathlib import Path

from chuda.files import load_yaml
from chuda.files.model import FileModel
from chuda.files.types import Text
from chuda.records.channel import ChannelRecord, MessageType

FILE_NAME = "probe_texts.yaml"


class TextsByType(FileModel):
    """One text for each message type."""

    marketing: Text
    notification: Text
    otp: Text


class ProbeTexts(FileModel):
    """`ordinary` texts for the basic and stress stages, typical ones for `scenario`, and what the canary says."""

    ordinary: TextsByType
    canary: Text
    scenario: TextsByType

    def write(self, stage: str, tested_type: MessageType, channel: ChannelRecord, signature: str, number: int) -> str:
        """The text of one send; `number` makes it different from every other."""
        texts = self.scenario if stage == "scenario" else self.ordinary
        text: str = getattr(texts, tested_type)
        return (
            text.replace("{signature}", signature)
            .replace("{opt_out}", channel.opt_out_wording)
            .replace("{number}", f"{number:06d}")
        )


def load_probe_texts(reference: Path) -> ProbeTexts:
    """Read the texts of a reference folder; raises `BadFile` with every problem."""
    return load_yaml(reference / FILE_NAME, ProbeTexts)
