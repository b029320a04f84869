"""What `chuda doctor` looks at: one small check per thing that has to be in place."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chuda.errors import ChudaError
from chuda.keys import load_keys
from chuda.settings import Settings, environment, read_settings
from chuda.stores.ledger import open_clock, open_ledger
from chuda.stores.ledger.approvers import list_approvers
from chuda.stores.ledger.channels import Verdict, verdicts_of
from tasks.channels.fitness import reasons_against
from tasks.planning.briefing import load_all_segments, load_channels

_LEAST_FREE_GB = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ok, warn or bad, and what to do."""

    state: Literal["ok", "warn", "bad"]
    what: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at everything; a check that fails is a finding, never an exception."""
    settings = read_settings()
    findings = []
    for check in (_python, _disk, _keys_and_ledger, _stores, _segments, _channels, _approvers):
        findings += _guarded(check, settings)
    return findings


def _guarded(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    try:
        return list(check(settings))
    except ChudaError as error:
        first, _, advice = str(error).partition("; ")
        return [Finding("bad", first, advice)]


def _python(_settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", f"Python {sys.version.split()[0]}")


def _disk(settings: Settings) -> Iterator[Finding]:
    place = settings.home if settings.home.exists() else settings.home.absolute().anchor
    free = shutil.disk_usage(place).free / 2**30
    if free < _LEAST_FREE_GB:
        yield Finding("warn", f"{free:.1f} GB free", f"keep {_LEAST_FREE_GB} GB or more free where CHUDA_HOME is")
    else:
        yield Finding("ok", f"{free:.0f} GB free")


def _keys_and_ledger(settings: Settings) -> Iterator[Finding]:
    keys = load_keys(settings.keys_file, environment())
    yield Finding("ok", f"keys, fingerprint {keys.fingerprint()}", "have a backup elsewhere")
    ledger = open_ledger(settings.ledger_target, keys)
    try:
        clock = open_clock(ledger, settings.now)
        yield Finding("ok", f"ledger ({'SQLite' if ledger.is_sqlite else 'PostgreSQL'}) knows these keys")
        if clock.kind == "real":
            yield Finding("ok", f"real clock, {clock.now():%Y-%m-%d %H:%M}")
        else:
            advice = "only simulator channels can be used under it"
            yield Finding("warn", f"{clock.kind} clock, {clock.now():%Y-%m-%d %H:%M}", advice)
    finally:
        ledger.close()


def _stores(settings: Settings) -> Iterator[Finding]:
    for path, advice in (
        (settings.warehouse_file, "chuda contacts import FILE"),
        (settings.marts_file, "chuda kpi refresh"),
    ):
        if path.exists():
            yield Finding("ok", f"{path.name}, {path.stat().st_size / 2**20:.1f} MB")
        else:
            yield Finding("warn", f"{path.name} is not there yet", advice)


def _segments(settings: Settings) -> Iterator[Finding]:
    yield Finding("ok", f"{len(load_all_segments(settings))} segment definitions")


def _channels(settings: Settings) -> Iterator[Finding]:
    channels = load_channels(settings)
    if not channels:
        advice = f"put a channel record into {settings.campaigns / 'channels'}"
        yield Finding("bad", "no channel is on record", advice)
    now, verdicts = _known_of_channels(settings)
    for name, record in channels.items():
        unset = [v for v in record.credentials.values() if not environment().get(v)]
        reasons = [r for kind in record.message_types for r in reasons_against(record, kind, verdicts, now)]
        if reasons:
            for reason in dict.fromkeys(reasons):
                what, _, advice = reason.in_language(settings.lang).partition(" – ")
                # Without a test another channel is taken; without a licence there may be no channel at all.
                yield Finding("warn" if reason.is_of_test else "bad", what, advice)
        elif unset:
            yield Finding("warn", f"channel {name}: {', '.join(unset)} is not set", "export it before sending")
        else:
            kind = "simulator" if record.simulator else record.adapter
            yield Finding("ok", f"channel {name} ({kind})")


def _approvers(settings: Settings) -> Iterator[Finding]:
    ledger = open_ledger(settings.ledger_target)
    try:
        with ledger.read() as connection:
            approvers = list_approvers(connection)
    finally:
        ledger.close()
    for approver in approvers:
        left = approver.recovery_codes_left
        advice = "" if left > 2 else f"chuda init --approver {approver.name} makes new ones"
        yield Finding("ok" if left > 2 else "warn", f"{approver.name} may approve, {left} recovery codes left", advice)
    if not approvers and any(not record.simulator for record in load_channels(settings).values()):
        yield Finding("warn", "nobody may approve real sends yet", "chuda init --approver NAME")


def _known_of_channels(settings: Settings) -> tuple[datetime, list[Verdict]]:
    """The present moment and the verdicts of all tests: with the records, all that decides whether a channel is fit."""
    ledger = open_ledger(settings.ledger_target)
    try:
        with ledger.read() as connection:
            return open_clock(ledger, settings.now).now(), verdicts_of(connection)
    finally:
        ledger.close()
