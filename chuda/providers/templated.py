"""What providers of templates have in common: a request is one template's code with parameters, not texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chuda.providers.protocol import MessageResult, OutgoingMessage, SendResult
from chuda.records.filed import FiledMessage, FiledTemplate, take_apart

NOT_FILED = MessageResult("rejected", "TEMPLATE_NOT_FILED")
"""A text that no filed template of the channel gives; nothing of it reached the provider."""

_MIXED = SendResult(
    MessageResult("not_sent", "MIXED_REQUEST"),
    stop="a request holds several templates, which this provider cannot take: the channel's record was changed after "
    "planning; cancel the plan and make a new one",
)


@dataclass(frozen=True, slots=True)
class TemplatedRequest:
    """The messages of a request that can leave, each taken apart, and the results of those that cannot."""

    members: tuple[tuple[OutgoingMessage, FiledMessage], ...]
    unfit: dict[str, MessageResult]

    @property
    def is_one_text(self) -> bool:
        """Whether everybody gets the same."""
        return len({filed for _, filed in self.members}) == 1

    @property
    def is_one_template(self) -> bool:
        """Whether everybody gets the same template."""
        return len({filed.code for _, filed in self.members}) == 1

    def refusal(self, is_takeable: bool) -> SendResult | None:
        """Why nothing may leave, if so."""
        if not self.members:
            return SendResult(NOT_FILED, self.unfit)
        return None if is_takeable else _MIXED

    def with_unfit(self, result: SendResult) -> SendResult:
        """The result of the request with the results of those that were left out."""
        return replace(result, results={**result.results, **self.unfit})


def take_request_apart(messages: Sequence[OutgoingMessage], templates: Sequence[FiledTemplate]) -> TemplatedRequest:
    """Find template and parameters of every message of a request."""
    found = [(message, take_apart(message.text, templates)) for message in messages]
    return TemplatedRequest(
        tuple((message, filed) for message, filed in found if filed is not None),
        {message.message_id: NOT_FILED for message, filed in found if filed is None},
    )
