"""How values stand against their lines: a miss is beyond chance, what may yet come is waited for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from chuda.errors import UsageError
from tasks.kpi.lines import chance, judge, load_lines

LINES = {line.kpi: line for line in load_lines().lines}


def row(**given: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"is_receipts_complete": True, "awaiting_receipt": 0, "unknown": 0, **given}
    for name, line in LINES.items():
        if line.events in row and line.base in row and row[line.events] is not None:
            row.setdefault(name, row[line.events] / row[line.base])
    return row


def verdict(kpi: str, **given: Any) -> str:
    return judge(LINES[kpi], row(**given), 0.05).verdict


@pytest.mark.parametrize(
    ("delivered", "expected"),
    # one-sided exact: P(X <= 972 | 1000, .98) = .0507, P(X <= 971) = .0329
    [(980, "met"), (1000, "met"), (979, "near"), (972, "near"), (971, "missed")],
)
def test_delivery_is_missed_only_beyond_chance(delivered: int, expected: str) -> None:
    assert verdict("delivery_rate", delivered=delivered, submitted=1000) == expected


@pytest.mark.parametrize(("opted_out", "expected"), [(5, "met"), (6, "near"), (9, "near"), (10, "missed")])
def test_opt_outs_are_missed_above_the_line(opted_out: int, expected: str) -> None:
    assert verdict("opt_out_rate", opted_out=opted_out, delivered=1000) == expected


def test_a_band_is_not_missed_above() -> None:
    assert verdict("open_rate", clicked=900, delivered=1000) == "met"


def test_missing_receipts_are_taken_at_their_best() -> None:
    waiting = {"submitted": 1000, "awaiting_receipt": 100, "is_receipts_complete": False}
    assert verdict("delivery_rate", delivered=900, **waiting) == "waiting"
    assert verdict("delivery_rate", delivered=850, **waiting) == "missed"


def test_what_is_not_measured_has_no_verdict() -> None:
    assert verdict("open_rate", clicked=None, delivered=100, open_rate=None) == "not_measured"


@pytest.mark.parametrize(
    ("after", "before", "expected"), [(0.14, 0.1, "met"), (0.13, 0.1, "missed"), (None, 0.1, "not_measured")]
)
def test_repurchase_is_compared_with_the_time_before(after: float | None, before: float, expected: str) -> None:
    assert verdict("repurchase_change", repurchase_rate=after, repurchase_rate_before=before) == expected


@given(st.integers(1, 5000), st.data(), st.sampled_from([0.002, 0.15, 0.98]))
def test_the_chance_is_the_exact_binomial_tail(base: int, data: st.DataObject, line: float) -> None:
    events = data.draw(st.integers(0, base))
    assert chance(events, base, line, at_least=True) == pytest.approx(stats.binom.cdf(events, base, line), abs=1e-9)
    assert chance(events, base, line, at_least=False) == pytest.approx(stats.binom.sf(events - 1, base, line), abs=1e-9)


def test_lines_of_other_message_types_do_not_apply() -> None:
    assert not LINES["open_rate"].applies_to("otp")
    assert LINES["delivery_rate"].applies_to("otp")


def test_every_line_of_the_domain_is_there() -> None:
    lines = {kpi: (line.at_least, line.at_most) for kpi, line in LINES.items()}
    shown = {kpi: tuple(None if end is None else float(end) for end in ends) for kpi, ends in lines.items()}
    assert shown == {
        "delivery_rate": (0.98, None),
        "open_rate": (0.20, 0.35),
        "conversion_rate": (0.03, 0.08),
        "opt_out_rate": (None, 0.005),
        "complaint_rate": (None, 0.002),
        "roi": (8.0, None),
        "repurchase_change": (0.40, None),
    }


def test_a_mistake_in_the_file_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "kpi_lines.yaml"
    path.write_text("alpha: 5%\n", "utf-8")
    with pytest.raises(UsageError, match=r"kpi_lines\.yaml"):
        load_lines(path)
