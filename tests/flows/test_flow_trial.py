"""The trial of channels as a user runs it (`make channels`), and 100 seeds of every company: `make channel-proof`.

The short version, on fewer phones and in one process, is test_flow_channels.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from channel_world import CONDUCTS, Company
from flow_runs import run_chuda

pytestmark = pytest.mark.slow
MEANT = {"good": None, "hides-resends": "basic", "slow-at-peak": "stress", "filters-marketing": "scenario",
         "loses-a-province": "canary", "over-bills": "bill"}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """A finished trial: its folder, its rows by company, its page, and how to run commands in its workspace."""

    folder: Path
    rows: dict[str, dict]
    page: str

    def run(self, *arguments: str):
        variables = {"CHUDA_CAMPAIGNS": str(self.folder / "campaigns"), "CHUDA_DEMO_TOKEN": "demo-token"}
        return run_chuda("--lang", "en", *arguments, home=self.folder / "state", **variables)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    folder = tmp_path_factory.mktemp("trial") / "channels"
    result = run_chuda(
        "--lang", "en", "--json", "channel", "test", "--simulated", "--folder", str(folder), timeout=1500
    )
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    page = next(line["page"] for line in lines if "page" in line)
    return Trial(folder, {line["company"]: line for line in lines if "company" in line}, Path(page).read_text())


def test_each_bad_company_is_found_by_the_part_meant_for_it_and_the_good_one_passes(trial):
    print("\n".join(f"{name}: {row['found by']} after {row['after messages']}" for name, row in trial.rows.items()))
    assert {name: row["as meant"] for name, row in trial.rows.items()} == dict.fromkeys(MEANT, "yes")
    assert {name: row["after messages"] for name, row in trial.rows.items() if MEANT[name] != "bill"} == {
        "good": 370, "hides-resends": 10, "slow-at-peak": 190, "filters-marketing": 370, "loses-a-province": 60,
    }  # fmt: skip


def test_the_page_explains_why(trial):
    assert "3 of 6 marketing channels may be used: good, loses-a-province, over-bills" in trial.page
    assert "looks like a resend" in trial.page and "Significantly slower at the peak" in trial.page
    assert "marketing is significantly lower" in trial.page and "unicom 河南 0%" in trial.page
    assert "another number of parts" in trial.page


def test_the_cell_left_the_channel_and_came_back(trial):
    with sqlite3.connect(trial.folder / "state" / "ledger.sqlite") as ledger:
        routes = ledger.execute("SELECT channel, carrier, province, since_us < ended_us FROM channel_route").fetchall()
    assert routes == [("loses-a-province", "unicom", "河南", 1)]
    detour = (trial.folder / "bills" / "good-2026-12-08.csv").read_text().splitlines()[1:]
    assert detour and all(line.split(",")[1].startswith("1300076") for line in detour)


def test_the_commands_agree_with_the_page(trial):
    assert trial.run("channel", "check", "good").returncode == 0
    blocked = trial.run("channel", "check", "hides-resends")
    assert blocked.returncode == 3 and "the basic test of channel 'hides-resends' is failed" in blocked.stderr
    week = trial.run("report", "--week", "2026-11-23")
    assert 'href="channels.en.html"' in Path(week.stdout.split()[-1]).read_text()
    alerts = trial.run("kpi", "alerts")
    assert "Bill differs: over-bills 2026-11-23" in alerts.stdout and alerts.returncode == 0


def test_what_a_hundred_seeds_of_each_company_are_caught_by():
    for conduct in CONDUCTS:
        caught = Counter(Company(conduct, seed).caught_by() for seed in range(100))
        print(conduct, {f"{found[0]} after {found[1]}" if found else "trusted": n for found, n in caught.most_common()})
        assert (caught[None] >= 90) if conduct == "good" else (caught[None] == 0)
