"""A user's mistake is one clear message with the right exit code; nothing is lost, nothing is half-published."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from fakes import start_simulator
from flow_runs import NOW, ROOT, run_chuda, stage_environment

from chuda.providers.simulator.judge import Judge

Run = Callable[..., subprocess.CompletedProcess[str]]
# Two nights in one process, so that Prefect starts once; between them the user takes the broken file away.
NIGHTS = """
import sys
from pathlib import Path
from flows.cli import main

def night():
    try:
        main()
    except SystemExit as ended:
        return ended.code or 0
    return 0

broken = Path(sys.argv.pop())
print("first", night())
print(broken.name, file=sys.stderr)
broken.unlink()
print("second", night())
"""


def refuses(result: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    for words in said:
        assert words in result.stderr, result.stderr


@pytest.mark.parametrize("command", [("segments", "show"), ("nightly",)])
def test_without_keys_it_says_what_to_do(tmp_path, command):
    refuses(run_chuda(*command, home=tmp_path / "empty"), 2, "chuda init")


def test_other_keys_than_the_ledgers_are_refused(run, workspace):
    refuses(run("status", "p1", CHUDA_TOKEN_KEY="ab" * 32, CHUDA_SEAL_KEY="cd" * 32), 2, "other keys")


def test_a_file_that_cannot_be_read_is_refused_whole_and_changes_nothing(run, workspace, tmp_path):
    picture = tmp_path / "contacts.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    before = people(workspace)
    refuses(run("contacts", "import", str(picture)), 2, "contacts.csv")
    assert people(workspace) == before


def test_a_file_that_is_not_there_is_named(run):
    refuses(run("contacts", "import", "no-such-file.csv"), 2, "no-such-file.csv")


def test_a_campaign_with_a_typo_is_refused_with_its_place(run, workspace):
    campaign = workspace / "campaigns" / "demo_retail.yaml"
    campaign.write_text(campaign.read_text().replace("audience:", "audiance:"))
    refuses(run("plan", str(campaign), CHUDA_LANG="en"), 2, "demo_retail.yaml:", "audience")


def test_a_text_that_breaks_the_law_is_refused_by_name(run, workspace):
    campaign = workspace / "campaigns" / "demo_retail.yaml"
    campaign.write_text(campaign.read_text().replace("{shop}{offer}", "{shop}{offer}百分百中奖"))
    refuses(run("plan", str(campaign)), 3, "百分百中奖")


def test_a_channel_with_an_expired_licence_is_refused_by_name(run, workspace):
    record = workspace / "campaigns" / "channels" / "demo.yaml"
    record.write_text(record.read_text().replace("2099-12-31", "2026-01-31"))
    refuses(run("plan", str(workspace / "campaigns" / "demo_retail.yaml")), 3, "许可证", "2026-01-31")


def test_what_was_not_approved_is_not_sent(run, workspace):
    refuses(run("send", plan_of(workspace)), 3, "approve")


def test_an_unknown_plan_is_a_wrong_usage(run):
    refuses(run("approve", "p0000"), 2, "p0000")


def test_a_plan_on_a_real_channel_cannot_be_approved_by_yes(run, workspace):
    with duckdb.connect(str(workspace / "home" / "warehouse.duckdb")) as connection:
        connection.execute("UPDATE plan_made SET channel_record = replace(channel_record, '\"simulator\":true', "
                           "'\"simulator\":false')")  # fmt: skip
    refuses(run("approve", plan_of(workspace)), 3, "second factor")


def test_a_dead_provider_loses_nothing_and_the_repeat_finishes(run, workspace, tmp_path):
    plan_id = plan_of(workspace)
    assert run("approve", plan_id).returncode == 0
    refuses(run("send", plan_id), 4, "repeat")
    assert "not_sent" in run("--json", "status", plan_id).stdout
    port, ledger = int((workspace / "port").read_text()), workspace / "home" / "ledger.sqlite"
    with start_simulator(tmp_path / "company", port=port, ledger=ledger, now=NOW):
        result = run("send", plan_id)
    assert result.returncode == 0, result.stderr
    judge = Judge.open(tmp_path / "company", plan_of=lambda batch_id: batch_id.split("-")[0])
    assert judge.duplicates() == []
    assert judge.count() > 50


def test_at_night_nothing_leaves_and_it_says_when(run, workspace):
    plan_id = plan_of(workspace)
    assert run("approve", plan_id).returncode == 0
    result = run("send", plan_id, CHUDA_NOW="2026-11-20T21:00:00+08:00")
    assert "window_closed" in result.stdout
    assert "2026-11-21T09:00" in result.stdout


def test_help_answers_without_the_heavy_libraries():
    heavy = ("prefect", "polars", "duckdb", "great_expectations", "sqlalchemy")
    script = f"import sys, flows.cli; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, text=True, capture_output=True, timeout=60)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def plan_of(workspace: Path) -> str:
    return (workspace / "plan_id").read_text()


def people(workspace: Path) -> int:
    with duckdb.connect(str(workspace / "home" / "warehouse.duckdb"), read_only=True) as connection:
        row = connection.execute("SELECT count(*) FROM contact_clean").fetchone()
        return row[0] if row else 0


def test_the_night_takes_in_what_changed_plans_what_is_due_and_names_what_it_could_not_use(run, workspace):
    inbox = workspace / "home" / "inbox"
    (inbox / "contacts" / "new.csv").write_text(
        "手机号,姓名,是否同意,同意来源,同意时间,同意用途\n13912345678,王芳,是,门店,2026-10-01,营销短信\n"
    )
    (inbox / "contacts" / "broken.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    campaign = workspace / "campaigns" / "demo_retail.yaml"
    due = campaign.read_text().replace("id: demo-retail", "id: due-today").replace("date: auto", 'date: "2026-11-20"')
    # The demo's own test is planned for the same people and day: this one stands in a layer of its own.
    due = due.replace("  holdout: 0.05", "  holdout: 0.05\n  layer: {name: due}")
    (workspace / "campaigns" / "due.yaml").write_text(due)
    before = people(workspace)

    nights = subprocess.run(
        [sys.executable, "-c", NIGHTS, "nightly", str(inbox / "contacts" / "broken.csv")], cwd=ROOT, text=True,
        env={**os.environ, **stage_environment(workspace, workspace / "home")}, capture_output=True, timeout=240,
    )  # fmt: skip
    assert nights.returncode == 0, nights.stderr
    first, _, second = nights.stdout.partition("first ")
    assert second.startswith("2\n"), nights.stderr
    assert second.endswith("second 0\n"), nights.stderr
    assert "the night is done but for" in nights.stderr.partition("broken.csv\n")[0]
    assert "Traceback" not in nights.stderr
    assert "联系人清洗" in first
    assert "联系人清洗" not in second
    assert people(workspace) == before + 1
    with duckdb.connect(str(workspace / "home" / "warehouse.duckdb"), read_only=True) as connection:
        plans = connection.execute("SELECT occurrence FROM plan_made WHERE campaign_id = 'due-today'").fetchall()
    assert plans == [("2026-11-20",)]
