"""Telling people about alerts: which ones nobody was told of yet, in what words, and how it went.

What was told is kept in the warehouse (`alert_delivery`, one row per alert and group). A row is written before the
request leaves: after a crash the alert counts as perhaps told, and is not told again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from chuda.files import Lang
from chuda.providers.messengers import TEXT_BYTES, Answer, Messenger
from chuda.settings import Settings
from tasks.kpi.lines import KpiLines
from tasks.reports.sections import say_alert
from tasks.reports.wording import Words

Row = Mapping[str, Any]
_CREATE = """
create table if not exists alert_delivery (
    alert_id varchar not null, target varchar not null, outcome varchar not null, detail varchar,
    "at" timestamptz not null
)
"""
_SEVERITIES = ("stop", "warn", "info")
_TRY_FOR = timedelta(hours=24)
_CRASHED_AFTER = timedelta(minutes=15)
# Of very many facts at once the most urgent are told, the rest is in the report.
_MOST_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Digest:
    """One text for one group, with the alerts in it."""

    messenger: Messenger
    text: str
    alerts: tuple[Row, ...]


def create_delivery_table(connection: Any) -> None:
    """Create the warehouse's record of what was told, where it is missing."""
    connection.execute(_CREATE)


def read_messengers(settings: Settings) -> tuple[Messenger, ...]:
    """The groups that the environment names.

    Raises:
        UsageError: an address is not https.
    """
    named = (
        ("wecom", settings.wecom_webhook, None),
        ("dingtalk", settings.dingtalk_webhook, settings.dingtalk_secret),
        ("feishu", settings.feishu_webhook, settings.feishu_secret),
        ("webhook", settings.alert_webhook, settings.alert_webhook_secret),
    )
    return tuple(
        Messenger(kind, address.get_secret_value(), secret.get_secret_value() if secret else "")  # type: ignore[arg-type]
        for kind, address, secret in named
        if address
    )


def worth_telling(alerts: Sequence[Row], at_least: str) -> list[Row]:
    """Alerts at least as urgent as `at_least` (stop, warn, info), the most urgent and newest first."""
    urgent = _SEVERITIES[: _SEVERITIES.index(at_least) + 1]
    told = [row for row in alerts if row["severity"] in urgent]
    return sorted(told, key=lambda row: (_SEVERITIES.index(row["severity"]), -row["since_at"].timestamp()))


def claim(connection: Any, alerts: Sequence[Row], messenger: Messenger, now: datetime) -> list[Row]:
    """Those of `alerts` that this group is to be told now, marked as being told; in a transaction of the warehouse.

    An alert is tried again for a day while it certainly did not arrive; one whose sending a crash cut short is not.
    """
    connection.execute(
        "update alert_delivery set outcome = 'unknown', detail = 'cut short' where target = $1 and outcome = 'sending' "
        'and "at" < $2',
        [messenger.kind, now - _CRASHED_AFTER],
    )
    found = connection.execute(
        'select alert_id, outcome, "at" from alert_delivery where target = $1', [messenger.kind]
    ).fetchall()
    known = {alert_id: outcome == "failed" and at > now - _TRY_FOR for alert_id, outcome, at in found}
    told = [row for row in alerts if known.get(row["alert_id"], True)][:_MOST_AT_ONCE]
    for row in told:
        if row["alert_id"] in known:
            connection.execute(
                "update alert_delivery set outcome = 'sending' where alert_id = $1 and target = $2",
                [row["alert_id"], messenger.kind],
            )
        else:
            connection.execute(
                "insert into alert_delivery values ($1, $2, 'sending', '', $3)", [row["alert_id"], messenger.kind, now]
            )
    return told


def settle(connection: Any, digest: Digest, answer: Answer) -> None:
    """Write down how it went; in a transaction of the warehouse. The time stays that of the first attempt."""
    for row in digest.alerts:
        connection.execute(
            "update alert_delivery set outcome = $3, detail = $4 where alert_id = $1 and target = $2",
            [row["alert_id"], digest.messenger.kind, answer.outcome, answer.detail],
        )


def compose(
    alerts: Sequence[Row], messenger: Messenger, lines: KpiLines, language: Lang, labels: Mapping[str, str]
) -> Iterator[Digest]:
    """The texts for one group: as few as its room allows, each beginning with what it is."""
    words = Words(language)
    head = words.say("alerts_head")
    room = TEXT_BYTES[messenger.kind] - len(head.encode()) - 1
    held: list[tuple[str, Row]] = []
    for row in alerts:
        entry = _entry(row, lines, words, labels)[: room // 3]
        if held and sum(len(text.encode()) + 1 for text, _ in held) + len(entry.encode()) > room:
            yield _digest(messenger, head, held)
            held = []
        held.append((entry, row))
    if held:
        yield _digest(messenger, head, held)


def _digest(messenger: Messenger, head: str, held: Sequence[tuple[str, Row]]) -> Digest:
    return Digest(messenger, "\n".join([head, *(text for text, _ in held)]), tuple(row for _, row in held))


def _entry(row: Row, lines: KpiLines, words: Words, labels: Mapping[str, str]) -> str:
    said = say_alert(row, lines, words, labels)
    where = f" {row['campaign_id']}" if row["campaign_id"] else ""
    since = words.moment(row["since_at"])
    return f"[{words.say('severity_' + row['severity'])}]{where} {said} ({since}) → {row[f'advice_{words.lang}']}"


def _claim_for(alerts: Sequence[Row], messenger: Messenger, now: datetime, connection: Any) -> list[Row]:
    return claim(connection, alerts, messenger, now)


def _settle_as(digest: Digest, answer: Answer, connection: Any) -> None:
    settle(connection, digest, answer)


def tell_all(
    alerts: Sequence[Row],
    messengers: Sequence[Messenger],
    write: Callable[[Callable[[Any], Any]], Any],
    say: Callable[[Digest], Answer],
    texts: Callable[[Sequence[Row], Messenger], Iterator[Digest]],
    now: datetime,
) -> dict[str, int]:
    """Tell every group what it does not know yet; returns how many alerts by group and outcome ("wecom sent": 3).

    `write` runs a function in a transaction of the warehouse; no transaction is open while `say` talks to the network.
    """
    told: dict[str, int] = {}
    for messenger in messengers:
        claimed: list[Row] = write(partial(_claim_for, alerts, messenger, now))
        for digest in texts(claimed, messenger):
            answer = say(digest)
            write(partial(_settle_as, digest, answer))
            key = f"{messenger.kind} {answer.outcome}"
            told[key] = told.get(key, 0) + len(digest.alerts)
    return told
