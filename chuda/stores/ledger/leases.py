"""Who may dispatch a release right now: one owner, fenced by an epoch."""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

LEASE_US = 30_000_000


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease; `epoch` grows with every change of owner."""

    name: str
    owner: str
    epoch: int


@dataclass(frozen=True, slots=True)
class HeldElsewhere:
    """Somebody alive holds the lease."""

    host: str
    pid: int
    expires_us: int


def acquire(connection: Connection, name: str, owner: str, now_us: int) -> Lease | HeldElsewhere:
    """Take a lease that is free, expired, or left by a dead process of this host; its epoch grows by one."""
    lock = "" if connection.dialect.name == "sqlite" else " FOR UPDATE"
    me = {"name": name, "owner": owner, "host": this_machine(), "pid": os.getpid(), "until": now_us + LEASE_US}
    connection.execute(
        text(
            "INSERT INTO lease (name, owner, host, pid, epoch, expires_us) VALUES (:name, '', '', 0, 0, 0) "
            "ON CONFLICT (name) DO NOTHING"
        ),
        {"name": name},
    )
    row = connection.execute(text(f"SELECT * FROM lease WHERE name = :name{lock}"), {"name": name}).one()
    if row.owner not in ("", owner) and row.expires_us > now_us and not _is_dead(row.host, row.pid):
        return HeldElsewhere(row.host, row.pid, row.expires_us)
    connection.execute(
        text(
            "UPDATE lease SET owner = :owner, host = :host, pid = :pid, epoch = epoch + 1, expires_us = :until "
            "WHERE name = :name"
        ),
        me,
    )
    return Lease(name, owner, int(row.epoch) + 1)


def still_held(connection: Connection, lease: Lease, now_us: int) -> bool:
    """Whether the lease is still ours, and if so prolong it; checked inside the transaction that starts messages."""
    done = connection.execute(
        text("UPDATE lease SET expires_us = :until WHERE name = :name AND owner = :owner AND epoch = :epoch"),
        {"until": now_us + LEASE_US, "name": lease.name, "owner": lease.owner, "epoch": lease.epoch},
    )
    return done.rowcount == 1


def give_back(connection: Connection, lease: Lease) -> None:
    """Free the lease if it is still ours."""
    connection.execute(
        text("UPDATE lease SET owner = '', expires_us = 0 WHERE name = :name AND owner = :owner AND epoch = :epoch"),
        {"name": lease.name, "owner": lease.owner, "epoch": lease.epoch},
    )


def this_machine() -> str:
    """Where process numbers mean the same: two containers may share a host name, and a machine may have restarted."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    with contextlib.suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts)


def _is_dead(host: str, pid: int) -> bool:
    if host != this_machine():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
