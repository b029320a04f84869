"""Trouble on demand: which request or receipt meets which fault, decided by a seed, and every fault on record.

A request's fault follows from its body and from how often that body was seen: the same campaign sent again meets the
same trouble whatever the order of arrival, and a repeated request gets a new chance. Only `refuse` is decided by the
number of the request, because the body is not read. A script overrides chance for the next requests.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from chuda.providers.simulator.profile import REQUEST_FAULTS, Faults, RequestFault
from chuda.providers.simulator.world import SECOND, World


@dataclass(frozen=True, slots=True)
class ReceiptTrouble:
    """What happens to one receipt on its way to the client; `copy_delay_us` is None where there is no copy."""

    kinds: tuple[str, ...] = ()
    delay_us: int = 0
    copy_delay_us: int | None = None
    is_lost: bool = False


@dataclass(slots=True)
class InFlight:
    """A request that waits inside the company before it is recorded."""

    is_void: bool = False


@dataclass(slots=True)
class FaultInjector:
    """Draws faults; `faults` and `script` may be replaced while the company runs."""

    world: World
    faults: Faults
    script: deque[RequestFault | None] = field(default_factory=deque)
    _requests: int = 0
    _seen: Counter[bytes] = field(default_factory=Counter)
    _in_flight: dict[str, list[InFlight]] = field(default_factory=dict)

    def refuses(self) -> bool:
        """Whether the next request is dropped before its body is read."""
        if self.script:
            return self.script[0] == "refuse" and self.script.popleft() == "refuse"
        self._requests += 1
        return self.faults.refuse > 0 and self.world.chance("refuse", str(self._requests)) < self.faults.refuse

    def choose_for_request(self, body: bytes) -> RequestFault | None:
        """The fault this request meets, if any; `refuse` is not among them."""
        if self.script:
            return self.script.popleft()
        if self.faults.total() <= self.faults.refuse:
            return None
        digest = blake2b(body, digest_size=16).digest()
        self._seen[digest] += 1
        draw = self.world.chance("request", digest.hex(), str(self._seen[digest]))
        # Those that are refused never get here, so the rest share what is left.
        draw *= 1.0 - self.faults.refuse
        for kind in REQUEST_FAULTS[1:]:
            draw -= getattr(self.faults, kind)
            if draw < 0:
                return kind
        return None

    def choose_for_receipt(self, message_id: str) -> ReceiptTrouble:
        """What happens to the receipt of this message."""
        faults = self.faults
        shares = (faults.receipt_lost, faults.receipt_late, faults.receipt_reorder, faults.receipt_duplicate)
        if not any(shares):
            return _NO_TROUBLE
        draw = self.world.draws("receipt", message_id)
        lost, late, reordered, doubled = (value < share for value, share in zip(draw, shares, strict=False))
        if lost:
            return ReceiptTrouble(("receipt_lost",), is_lost=True)
        delay = draw[4] * faults.late_seconds * late + draw[5] * faults.reorder_seconds * reordered
        names = (("receipt_late", late), ("receipt_reorder", reordered), ("receipt_duplicate", doubled))
        return ReceiptTrouble(
            tuple(name for name, is_hit in names if is_hit),
            int(delay * SECOND),
            int((1 + draw[6] * 600) * SECOND) if doubled else None,
        )

    def let_wait(self, reference: str) -> InFlight:
        """Register a request that waits before it is recorded."""
        waiting = InFlight()
        self._in_flight.setdefault(reference, []).append(waiting)
        return waiting

    def forget(self, reference: str, waiting: InFlight) -> None:
        """Take a request off the register: it has been recorded or thrown away."""
        others = [other for other in self._in_flight.get(reference, []) if other is not waiting]
        if others:
            self._in_flight[reference] = others
        else:
            self._in_flight.pop(reference, None)

    def void(self, reference: str) -> None:
        """Throw away whatever still waits under this reference: a definitive query has been answered without it."""
        for waiting in self._in_flight.get(reference, ()):
            waiting.is_void = True

    def write_script(self, script: Iterable[RequestFault | None]) -> None:
        """The next requests meet exactly these faults, None being none."""
        self.script = deque(script)


_NO_TROUBLE = ReceiptTrouble()
