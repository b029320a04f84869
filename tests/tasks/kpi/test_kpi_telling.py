"""Nobody is told the same fact twice, and what did not arrive is tried again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest
from kpi_world import NOW
from pydantic import SecretStr

from chuda.providers.messengers import TEXT_BYTES, Answer, Messenger
from chuda.settings import Settings
from tasks.kpi.lines import load_lines
from tasks.kpi.telling import (
    Digest,
    claim,
    compose,
    create_delivery_table,
    read_messengers,
    settle,
    tell_all,
    worth_telling,
)

WECOM, FEISHU = (Messenger(kind, "https://robot.example/x") for kind in ("wecom", "feishu"))  # type: ignore[arg-type]


def alert(alert_id: str, **given: Any) -> dict[str, Any]:
    return {
        "alert_id": alert_id, "kind": "line_missed", "severity": "warn", "campaign_id": "c1",
        "subject": "delivery_rate", "kpi": "delivery_rate", "value": 0.96, "line": 0.98, "events": 960, "base": 1000,
        "since_at": NOW, "advice_zh": "检查号码质量", "advice_en": "Check number quality.", **given,
    }  # fmt: skip


@pytest.fixture
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'")
        create_delivery_table(connection)
        yield connection


def texts(alerts: Sequence[Mapping[str, Any]], messenger: Messenger) -> Iterator[Digest]:
    return compose(alerts, messenger, load_lines(), "zh", {})


def told(
    warehouse: duckdb.DuckDBPyConnection, alerts: Sequence[Mapping[str, Any]], outcome: str, now: datetime = NOW
) -> dict[str, int]:
    def write(change: Callable[[Any], Any]) -> Any:
        return change(warehouse)

    def say(_digest: Digest) -> Answer:
        return Answer(outcome, "")  # type: ignore[arg-type]

    return tell_all(alerts, [WECOM, FEISHU], write, say, texts, now)


@pytest.mark.parametrize(
    ("outcome", "again"), [("sent", {}), ("unknown", {}), ("failed", {"wecom sent": 2, "feishu sent": 2})]
)
def test_only_what_certainly_did_not_arrive_is_told_again(
    warehouse: duckdb.DuckDBPyConnection, outcome: str, again: dict[str, int]
) -> None:
    alerts = [alert("a"), alert("b")]
    assert told(warehouse, alerts, outcome) == {f"wecom {outcome}": 2, f"feishu {outcome}": 2}
    assert told(warehouse, alerts, "sent", NOW + timedelta(minutes=5)) == again
    assert told(warehouse, alerts, "sent", NOW + timedelta(minutes=10)) == {}


def test_new_alerts_alone_are_told(warehouse: duckdb.DuckDBPyConnection) -> None:
    told(warehouse, [alert("a")], "sent")
    assert told(warehouse, [alert("a"), alert("b")], "sent") == {"wecom sent": 1, "feishu sent": 1}


def test_a_failure_is_not_repeated_for_ever(warehouse: duckdb.DuckDBPyConnection) -> None:
    told(warehouse, [alert("a")], "failed")
    assert told(warehouse, [alert("a")], "failed", NOW + timedelta(hours=25)) == {}


def test_after_a_crash_in_between_it_counts_as_perhaps_told(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert len(claim(warehouse, [alert("a")], WECOM, NOW)) == 1
    assert claim(warehouse, [alert("a")], WECOM, NOW + timedelta(hours=1)) == []
    assert warehouse.execute("select outcome, detail from alert_delivery").fetchall() == [("unknown", "cut short")]


def test_two_processes_at_once_do_not_both_tell(warehouse: duckdb.DuckDBPyConnection) -> None:
    claim(warehouse, [alert("a")], WECOM, NOW)
    assert claim(warehouse, [alert("a")], WECOM, NOW) == []


def test_the_first_attempt_keeps_its_time(warehouse: duckdb.DuckDBPyConnection) -> None:
    claim(warehouse, [alert("a")], WECOM, NOW)
    settle(warehouse, Digest(WECOM, "", (alert("a"),)), Answer("failed", "93000"))
    told(warehouse, [alert("a")], "sent", NOW + timedelta(hours=1))
    row = warehouse.execute("select \"at\", outcome from alert_delivery where target = 'wecom'").fetchone()
    assert row == (NOW, "sent")


def test_texts_fit_the_room_and_lose_nothing() -> None:
    alerts = [alert(str(number), advice_zh="检查" * 40) for number in range(20)]
    digests = list(texts(alerts, WECOM))
    assert len(digests) > 1
    assert all(len(digest.text.encode()) <= TEXT_BYTES["wecom"] for digest in digests)
    assert [row["alert_id"] for digest in digests for row in digest.alerts] == [str(number) for number in range(20)]


def test_a_text_says_what_line_since_when_and_what_to_do() -> None:
    (digest,) = texts([alert("a")], WECOM)
    assert digest.text == "触达预警 Chuda\n[需处理] c1 送达率 96.0%（标准 98%） (2026-11-30 12:00) → 检查号码质量"


def test_the_urgent_come_first_and_the_rest_is_left_to_the_report() -> None:
    alerts = [alert("i", severity="info"), alert("w"), alert("s", severity="stop")]
    assert [row["alert_id"] for row in worth_telling(alerts, "warn")] == ["s", "w"]
    assert [row["alert_id"] for row in worth_telling(alerts, "stop")] == ["s"]


def test_groups_come_from_the_settings_and_are_not_shown() -> None:
    settings = Settings(
        wecom_webhook=SecretStr("https://robot.example/a"), feishu_webhook=SecretStr("https://robot.example/b"),
        feishu_secret=SecretStr("hush"),
    )  # fmt: skip
    assert [(each.kind, each.secret) for each in read_messengers(settings)] == [("wecom", ""), ("feishu", "hush")]
    assert "robot.example" not in repr(settings)
