"""Sealing the answers to keywords: a release of their own that leaves under the rules of a coupon reply.

No weekly cap, since it was asked for; opt-outs, the lawful window and the approval of the campaign bind it like any
marketing message, in the transaction that starts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import polars as pl

from chuda.clock import to_us
from chuda.keys import Keys
from chuda.sealing import seal_messages
from chuda.stores.ledger import Connection
from chuda.stores.ledger.approvals import approval_of, approve, find_approval
from chuda.stores.ledger.coupons import Answer, mark_answers, waiting_answers
from chuda.stores.ledger.releases import ANSWERS_OF, Release, SealedBatch, find_control, find_release, seal
from chuda.workspace import Workspace
from tasks.content.parts import count_parts

ANSWER_TYPE = "coupon_reply"
EXPIRES_AFTER_US = 24 * 3600 * 1_000_000
"""An answer that could not leave within a day, quiet hours included, is no answer any more."""
_BATCH_SIZE = 100


def seal_answers(workspace: Workspace) -> list[str]:
    """Seal what is owed; returns the ids of the plans under which `chuda send` and the schedule send it."""
    with workspace.ledger.read() as connection:
        waiting = waiting_answers(connection)
    if not waiting:
        return []
    tokens = pl.Series("token", [answer.token for answer in waiting], dtype=pl.String)
    phones = dict(workspace.vault.read(tokens).select("token", "phone").iter_rows())
    sealed = []
    for release_id, group in groupby(waiting, key=lambda answer: answer.release_id):
        answers = list(group)
        with workspace.ledger.write() as connection:
            plan_id = _seal_group(connection, workspace.keys, release_id, answers, phones, to_us(workspace.clock.now()))
        sealed += [plan_id] if plan_id else []
    return sealed


def _seal_group(
    connection: Connection, keys: Keys, release_id: str, answers: Sequence[Answer], phones: dict[str, str], now_us: int
) -> str | None:
    # Another run may have sealed them since they were read; writers come one by one, so this look is the last word.
    still_waiting = set(waiting_answers(connection))
    answers = [answer for answer in answers if answer in still_waiting]
    origin = find_release(connection, release_id)
    approval = find_approval(connection, release_id)
    control = find_control(connection, origin.plan_id) if origin else None
    if origin is None or approval is None or control is None or control.state == "cancelled":
        mark_answers(connection, answers, "dropped")
        return None
    if control.state != "running":
        return None  # they wait until the campaign goes on
    reachable = [answer for answer in answers if answer.token in phones]
    mark_answers(connection, [answer for answer in answers if answer.token not in phones], "dropped")
    if not reachable:
        return None
    release = _make_release(origin, reachable, now_us)
    # The campaign's approval covers its answers: their texts are part of what was approved.
    approve(
        connection,
        approval_of(release, approval.approved_by, approval.method, now_us, release.not_after_us),
        release.plan_id,
    )
    seal(connection, release, _batches(keys, release, reachable, phones), {})
    mark_answers(connection, reachable, "sealed")
    return release.plan_id


def _make_release(origin: Release, answers: Sequence[Answer], now_us: int) -> Release:
    number = f"{now_us:x}"
    plan_id = f"{origin.release_id}{ANSWERS_OF}{number}"
    return replace(
        origin, release_id=f"{plan_id}-1", plan_id=plan_id, occurrence=f"{origin.occurrence} answers {number} "
        f"{origin.release_id}", message_type=ANSWER_TYPE, standby="[]", size=len(answers),
        parts=sum(count_parts(answer.text) for answer in answers), not_before_us=now_us,
        not_after_us=now_us + EXPIRES_AFTER_US, sealed_us=now_us,
    )  # fmt: skip


def _batches(keys: Keys, release: Release, answers: Sequence[Answer], phones: dict[str, str]) -> list[SealedBatch]:
    batches = []
    for seq, start in enumerate(range(0, len(answers), _BATCH_SIZE)):
        members = answers[start : start + _BATCH_SIZE]
        batch_id, texts = f"{release.release_id}-{seq}", [answer.text for answer in members]
        sealed = seal_messages(keys, batch_id, [phones[answer.token] for answer in members], texts)
        tokens = tuple(answer.token for answer in members)
        batches.append(SealedBatch(batch_id, seq, tokens, sum(map(count_parts, texts)), sealed))
    return batches
