"""Enrolling those who may approve: the first by whoever makes the workspace, all others by one who is enrolled."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from chuda.clock import to_us
from chuda.errors import Refused, UsageError
from chuda.stores.ledger import Connection
from chuda.stores.ledger.approvals import ApprovalEvent, record_event
from chuda.stores.ledger.approvers import check_code, enrol, list_approvers, remove
from chuda.totp import new_recovery_codes, new_secret, provisioning_uri
from chuda.workspace import Workspace
from tasks.dispatch.approving import SecondFactor, code_refusal

_NAME = re.compile(r"[^\W\d_][\w.-]{0,39}")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a new approver is shown once and nobody can show again."""

    name: str
    uri: str = field(repr=False)
    secret: str = field(repr=False)
    recovery_codes: tuple[str, ...] = field(repr=False)


def enrol_approver(workspace: Workspace, name: str, voucher: SecondFactor | None) -> Enrolment:
    """Enrol somebody, or enrol them anew, which makes their old codes worthless.

    Args:
        workspace: where.
        name: how approvals will name them.
        voucher: somebody enrolled and their code; needed for all but the first.

    Raises:
        UsageError: not a name, or the voucher is not enrolled.
        Refused: a code is missing or wrong.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a name: 1 to 40 letters, digits, dots, - and _, a letter first")
    secret, codes = new_secret(), new_recovery_codes()
    with workspace.ledger.write() as connection:
        problem = _vouch(workspace, connection, voucher)
        if problem is None:
            enrol(connection, workspace.keys, name, secret, codes, workspace.ledger.store_now_us(connection))
            _log(workspace, connection, "enrolled", name, voucher)
    if problem is not None:
        raise problem
    return Enrolment(name, provisioning_uri(secret, name), secret, codes)


def remove_approver(workspace: Workspace, name: str, voucher: SecondFactor | None) -> None:
    """Take somebody off the list; what they approved stays approved.

    Raises:
        UsageError: nobody of that name is enrolled.
        Refused: a code is missing or wrong.
    """
    with workspace.ledger.write() as connection:
        if name not in [approver.name for approver in list_approvers(connection)]:
            raise UsageError(f"没有登记 {name} / nobody called {name} may approve")
        problem = _vouch(workspace, connection, voucher)
        if problem is None:
            remove(connection, name)
            _log(workspace, connection, "removed", name, voucher)
    if problem is not None:
        raise problem


def _vouch(workspace: Workspace, connection: Connection, voucher: SecondFactor | None) -> Exception | None:
    """Why this may not be done, None if it may; raised by the caller after its commit, which counts a wrong code."""
    if not list_approvers(connection):
        return None  # the first one: whoever holds the workspace's keys
    if voucher is None:
        return Refused(
            "已有审批人，需要其中一位的验证码 / there are approvers already: one of them has to vouch, with --as NAME "
            "--code 123456"
        )
    real_us = workspace.ledger.store_now_us(connection)
    check = check_code(connection, workspace.keys, voucher.name, voucher.code, real_us)
    return None if check.verdict == "accepted" else code_refusal(check, voucher.name)


def _log(workspace: Workspace, connection: Connection, event: str, name: str, voucher: SecondFactor | None) -> None:
    by = voucher.name if voucher else name
    record_event(connection, ApprovalEvent("", "", event, by, name, to_us(workspace.clock.now())))
