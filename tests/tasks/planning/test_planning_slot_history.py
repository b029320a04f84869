"""The history of a segment's hours is read from the marts, where there are any."""

from __future__ import annotations

from datetime import datetime

import duckdb

from chuda.clock import BUSINESS_ZONE
from tasks.planning.slot_history import read_slot_history

NOW = datetime(2026, 11, 20, 9, tzinfo=BUSINESS_ZONE)


def test_without_marts_nothing_is_known(tmp_path):
    assert read_slot_history(tmp_path / "marts.duckdb", NOW).by_segment == {}


def test_delivered_and_opened_are_counted_by_segment_and_hour(tmp_path):
    with duckdb.connect(str(tmp_path / "marts.duckdb")) as marts:
        marts.execute("CREATE TABLE message_fact (message_type VARCHAR, segment VARCHAR, sent_hour TIMESTAMPTZ, "
                      "is_delivered BOOLEAN, is_clicked BOOLEAN)")  # fmt: skip
        marts.execute(
            "INSERT INTO message_fact VALUES "
            "('marketing', 'a', '2026-11-01 15:00:00+08', true, true), "
            "('marketing', 'a', '2026-11-02 15:00:00+08', true, false), "
            "('marketing', 'a', '2026-11-02 15:00:00+08', false, false), "
            "('marketing', 'a', '2026-11-02 10:00:00+08', true, true), "
            "('marketing', 'a', '2024-11-02 10:00:00+08', true, true), "
            "('notification', 'a', '2026-11-02 15:00:00+08', true, true), "
            "('marketing', 'a', '2026-11-02 15:00:00+08', true, NULL)"
        )
    assert read_slot_history(tmp_path / "marts.duckdb", NOW).by_segment == {"a": {15: (2, 1), 10: (1, 1)}}
