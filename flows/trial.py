"""A trial of channels: every simulated company through the test, the canary and the bill, in simulated time, offline.

It lays out a workspace of its own, so that nothing of it meets real data; everything in it is the product itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
from prefect import flow

from chuda.clock import BUSINESS_ZONE
from chuda.errors import ProviderTrouble, UsageError
from chuda.keys import Keys, save_keys
from chuda.providers.simulator.companies import Company, load_companies
from chuda.providers.simulator.shop import export_bill
from chuda.settings import Language, read_settings
from chuda.stores.ledger import open_ledger, start_simulated_clock
from chuda.stores.ledger.channels import verdicts_of
from chuda.stores.marts import open_marts
from chuda.workspace import open_workspace
from flows.campaign import build_plan
from flows.channels import judge_what_is_ripe, run_tests, send_canaries
from flows.progress import Progress, current_progress
from tasks.channels.billing import days_to_ask
from tasks.channels.canary import write_campaign
from tasks.channels.comparison import bill_standing, compare_workspace
from tasks.channels.phones import register_phones
from tasks.channels.stage import ask_statistics, reconcile
from tasks.contacts.stage import import_contacts
from tasks.dispatch.stage import approve_plan, dispatch
from tasks.feedback.stage import collect_feedback
from tasks.kpi.stage import refresh_kpis
from tasks.reports.channels import read_bills
from tasks.reports.stage import write_channels
from tasks.segments.stage import refresh_all_segments

START = datetime(2026, 11, 20, 15, 0, tzinfo=BUSINESS_ZONE)
HISTORY, CANARY = datetime(2026, 11, 26, 10, tzinfo=BUSINESS_ZONE), datetime(2026, 12, 1, 10, tzinfo=BUSINESS_ZONE)
DETOUR, SECOND_CANARY = (
    datetime(2026, 12, 8, 10, tzinfo=BUSINESS_ZONE), datetime(2027, 1, 5, 10, tzinfo=BUSINESS_ZONE),
)  # fmt: skip
APPROVER = "trial"
SEED = 1
PHONES = tuple(f"{('138', '133', '186', '165')[n % 4]}{10_000_000 + n * 7919:08d}" for n in range(60))
# Six cells: three carriers in Henan and in Guangdong, a thousand people each.
_CELLS = ("1340370", "1300076", "1330090", "1341000", "1300040", "1330004")
_IN_A_CELL = 1000
_TEXT = "【橙柚生活】{salutation}，周末到店满100元立减20元，欢迎光临，拒收请回复R"


def choose_companies(reference: Path, names: Sequence[str]) -> dict[str, Company]:
    """The companies to try, by default all.

    Raises:
        UsageError: there is none of a name.
    """
    known = load_companies(reference)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"there is no simulated company {unknown[0]!r}; there are: {', '.join(known)}")
    return {name: company for name, company in known.items() if not names or name in names}


def prepare_trial(folder: Path, companies: Mapping[str, Company]) -> None:
    """Lay out a workspace in an empty folder: keys, clock, each company's channels; points the environment at it."""
    source = read_settings()
    home, campaigns = folder / "state", folder / "campaigns"
    os.environ.update(CHUDA_HOME=str(home), CHUDA_CAMPAIGNS=str(campaigns), CHUDA_DEMO_TOKEN="demo-token")
    for name in ("CHUDA_NOW", "CHUDA_LEDGER_URL", "CHUDA_TOKEN_KEY", "CHUDA_SEAL_KEY"):
        os.environ.pop(name, None)
    (campaigns / "channels").mkdir(parents=True)
    shutil.copyfile(source.campaigns / "business.yaml", campaigns / "business.yaml")
    keys = Keys(*(hashlib.sha256(f"chuda trial {name}".encode()).digest() for name in ("token", "seal")))
    save_keys(home / "keys", keys)
    ledger = open_ledger(home / "ledger.sqlite", keys)
    start_simulated_clock(ledger, START)
    ledger.close()
    for name, company in companies.items():
        profile = company.with_phones(frozenset(PHONES)).model_dump_json()
        (folder / f"{name}.profile.json").write_text(profile, encoding="utf-8")


@contextmanager
def running_companies(folder: Path, companies: Mapping[str, Company]) -> Iterator[dict[str, str]]:
    """Run every company as a process of its own and write its channels' records; yields their endpoints by name."""
    records = read_settings().reference.parent / "campaigns" / "channels"
    with ExitStack() as stack:
        processes = {name: _start(folder, name, stack) for name in companies}
        endpoints = {name: _announced(name, process) for name, process in processes.items()}
        for name, endpoint in endpoints.items():
            _write_records(records, folder / "campaigns" / "channels", name, companies[name], endpoint)
        yield endpoints


def _start(folder: Path, name: str, stack: ExitStack) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "chuda.providers.simulator", "--port", "0", "--home", str(folder / "provider" / name),
        "--seed", str(SEED), "--token", os.environ["CHUDA_DEMO_TOKEN"],
        "--ledger", str(folder / "state" / "ledger.sqlite"), "--profile", str(folder / f"{name}.profile.json"),
    ]  # fmt: skip
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(process.terminate)
    return process


def _announced(name: str, process: subprocess.Popen[str]) -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise ProviderTrouble(f"the simulated company {name} did not start; run `chuda simulator` to see why")
    return f"http://127.0.0.1:{json.loads(line)['port']}"


def _write_records(source: Path, target: Path, name: str, company: Company, endpoint: str) -> None:
    """The demo's three records as this company's: its channels for marketing, notifications and codes, one account."""
    for path in sorted(source.glob("demo*.yaml")):
        text = path.read_text(encoding="utf-8")
        for pattern, value in (
            (r"^name: demo", f"name: {name}"), (r"^provider: .*$", f"provider: {name}（{company.zh}）"),
            (r"^account: .*$", f"account: {name}"), (r"http://127\.0\.0\.1:\d+", endpoint),
        ):  # fmt: skip
            text = re.sub(pattern, value, text, flags=re.MULTILINE)
        text += "switch_cells: true\nresend: {is_off: true, told_by: declared, by: 模拟器, on: 2026-11-01}\n"
        (target / path.name.replace("demo", name)).write_text(text, encoding="utf-8")


@flow(name="try-channels", persist_result=False)
def try_channels(folder: str, endpoints: dict[str, str], language: Language = "zh") -> str:
    """Test every company, send what a month brings, judge the canaries, compare the bills; the page that says why."""
    progress, place = current_progress(), Path(folder)
    with open_workspace() as workspace:
        register_phones(workspace, PHONES, START.date(), "trial")
    run_tests(list(endpoints), True, APPROVER, progress)
    watched = [name for name in ("loses-a-province", "good") if name in endpoints and not _has_failed(name)]
    if watched:
        _live_through_a_month(place, watched, progress)
    progress.run(lambda: ask_statistics(400))
    for name, endpoint in endpoints.items():
        for day in _days(name):
            path = place / "bills" / f"{name}-{day}.csv"
            path.parent.mkdir(exist_ok=True, mode=0o700)
            export_bill(endpoint, os.environ["CHUDA_DEMO_TOKEN"], day, path)
            progress.run(lambda name=name, day=day, path=path: reconcile(name, str(day), str(path)))  # type: ignore[misc]
    progress.run(refresh_kpis)
    return progress.run(lambda: write_channels(language)).details["path"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one company: found by which part, after how many messages, and whether that is what was meant."""

    channel: str
    zh: str
    en: str
    found_by: str | None
    messages: int
    is_as_meant: bool


def find_outcomes(companies: Mapping[str, Company]) -> list[Outcome]:
    """What was found of every company, by the verdicts and bills that are kept."""
    with open_workspace() as workspace:
        compared = {each.record.name: each for each in compare_workspace(workspace)}
        with open_marts(workspace.settings.marts_file) as marts:
            days = read_bills(marts)
    outcomes = []
    for name, company in companies.items():
        channel, bill = compared[name], bill_standing(compared[name], days)
        found_by, messages = channel.was_found_by or (("bill", bill.after) if bill.after else (None, 0))
        if found_by is None and channel.attempts:
            messages = channel.attempts.messages
        outcomes.append(Outcome(name, company.zh, company.en, found_by, messages, found_by == company.caught_by))
    return outcomes


def _has_failed(channel: str) -> bool:
    with open_workspace() as workspace, workspace.ledger.read() as ledger:
        return any(verdict.verdict == "failed" for verdict in verdicts_of(ledger, channel))


def _days(channel: str) -> list[date]:
    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        return days_to_ask(connection, channel, START.date())


def _live_through_a_month(folder: Path, channels: Sequence[str], progress: Progress) -> None:
    """Customers, a campaign for a history, the canary, a campaign around what dropped, and the canary after it."""
    path = folder / "contacts.csv"
    _write_contacts(path)
    progress.run(lambda: import_contacts(str(path)))
    progress.run(refresh_all_segments)
    for name in channels:
        _send_campaign(folder, f"history-{name}", [name], HISTORY, progress)
    _wait_until(CANARY)
    send_canaries(list(channels), APPROVER, 1, progress)
    _wait_until(CANARY + timedelta(days=4))
    judge_what_is_ripe(progress)
    _send_campaign(folder, "detour", list(channels), DETOUR, progress)
    _wait_until(SECOND_CANARY)
    send_canaries(list(channels), APPROVER, 1, progress)
    _wait_until(SECOND_CANARY + timedelta(days=4))
    judge_what_is_ripe(progress)


def _write_contacts(path: Path) -> None:
    numbers = [f"{prefix}{n * 7:04d}" for prefix in _CELLS for n in range(_IN_A_CELL)]
    frame = pl.DataFrame({"phone": numbers}).with_columns(
        name=pl.lit("王芳"), gender=pl.lit("女"), consent=pl.lit("是"), consent_source=pl.lit("门店会员表"),
        consent_at=pl.lit("2026-06-01 10:00"), consent_purpose=pl.lit("营销短信"),
    )  # fmt: skip
    path.touch(mode=0o600)
    frame.write_csv(path)


def _send_campaign(folder: Path, name: str, channels: list[str], at: datetime, progress: Progress) -> None:
    _wait_until(at)
    path = folder / "campaigns" / f"{name}.yaml"
    campaign = write_campaign(f"trial-{name}", channels[0], _TEXT, "business.yaml", name) | {"channels": channels}
    path.write_text(json.dumps(campaign, ensure_ascii=False, indent=1), encoding="utf-8")
    plan_id = build_plan(str(path), progress)
    progress.run(lambda: approve_plan(plan_id, APPROVER))
    progress.run(lambda: dispatch(plan_id, True))
    _wait_until(at + timedelta(hours=6))  # as the schedule would, or opt-outs and complaints would wait for days
    progress.run(collect_feedback)


def _wait_until(moment: datetime) -> None:
    with open_workspace() as workspace:
        asyncio.run(workspace.clock.sleep_until(moment))
