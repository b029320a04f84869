"""The last word before a request is written: a check that the sender hands down to the transport, whatever the adapter.

Between a sender's gate and the socket lie signing and perhaps a new connection, and a process can be stopped anywhere.
A context variable carries the check there, so that no adapter has to pass it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class LastCheck:
    """Whether a request may still be written; `was_held_back` once it was told no."""

    def __init__(self, is_right: Callable[[], bool]) -> None:
        self._is_right = is_right
        self.was_held_back = False

    def is_allowed(self) -> bool:
        """Ask now."""
        self.was_held_back = self.was_held_back or not self._is_right()
        return not self.was_held_back


_CURRENT: ContextVar[LastCheck | None] = ContextVar("last_check", default=None)


@contextmanager
def leaving_if(is_right: Callable[[], bool]) -> Iterator[LastCheck]:
    """What is sent inside is written only if `is_right()` says so right before."""
    check = LastCheck(is_right)
    token = _CURRENT.set(check)
    try:
        yield check
    finally:
        _CURRENT.reset(token)


def is_allowed_to_leave() -> bool:
    """The transport's question, with the connection ready; requests that nobody checks may."""
    check = _CURRENT.get()
    return check is None or check.is_allowed()
