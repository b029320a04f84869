"""What a bad company does to a receipt, and to its bill: resends it hides, slow peaks, filters, dead cells, parts
that were never sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chuda.clock import from_us
from chuda.providers.simulator.profile import Conduct, DeadCell, Peak, Resend

if TYPE_CHECKING:
    from chuda.providers.simulator.world import Message, Receipt

_SECOND = 1_000_000
_SATURDAY = 5


class Misconduct:
    """The conduct of one company, applied message by message; a good one changes nothing."""

    def __init__(self, conduct: Conduct) -> None:
        self._conduct = conduct
        self.is_good = conduct == Conduct()

    def bend(self, message: Message, receipt: Receipt, draw: tuple[float, ...]) -> Receipt:
        """The receipt as this company lets it happen; `draw` are three uniform numbers of this message's own."""
        if self.is_good or receipt.status == "failed":
            return receipt
        conduct = self._conduct
        for word in conduct.filters:
            if any(each in message.text for each in word.words) and draw[0] < word.share:
                return receipt._replace(status="failed", code=word.code)
        for cell in conduct.dead_cells:
            if _is_dead(cell, message) and draw[1] < cell.share:
                return receipt._replace(status="failed", code=cell.code)
        for peak in conduct.peaks:
            if _is_within(peak, message.accepted_at_us):
                taken_us = receipt.at_us - message.accepted_at_us
                receipt = receipt._replace(at_us=message.accepted_at_us + int(taken_us * peak.factor))
        return receipt if conduct.resend is None else _resent(conduct.resend, receipt, draw[2])

    def billed_parts(self, parts: int, is_delivered: bool, is_by_delivery: bool, draw: tuple[float, float]) -> int:
        """What the bill says of a message with so many parts."""
        conduct = self._conduct
        if is_by_delivery and not is_delivered and draw[1] >= conduct.bills_failed:
            return 0
        return parts + (draw[0] < conduct.overbilled)


def _is_dead(cell: DeadCell, message: Message) -> bool:
    if message.phone[:7] not in cell.prefixes:
        return False
    moment = from_us(message.accepted_at_us)
    return cell.since <= moment and (cell.until is None or moment < cell.until)


def _is_within(peak: Peak, moment_us: int) -> bool:
    moment = from_us(moment_us)
    hour = moment.hour + moment.minute / 60
    return moment.weekday() < _SATURDAY and peak.from_hour <= hour < peak.to_hour


def _resent(resend: Resend, receipt: Receipt, draw: float) -> Receipt:
    if draw >= resend.share:
        return receipt._replace(attempts=1) if resend.tells else receipt
    low, high = resend.after_seconds
    later_us = int((low + (high - low) * draw / resend.share) * _SECOND)
    return receipt._replace(at_us=receipt.at_us + later_us, attempts=2 if resend.tells else None)
