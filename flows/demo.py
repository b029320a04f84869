"""The demo: the whole chain on generated contacts against the simulator, in simulated time, offline."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from prefect import flow

from chuda.clock import BUSINESS_ZONE
from chuda.errors import ProviderTrouble
from chuda.keys import Keys, save_keys
from chuda.providers.simulator.shop import export_orders
from chuda.settings import Language, read_settings
from chuda.stores.ledger import open_ledger, start_simulated_clock
from flows.campaign import build_plan, current_progress, follow_plan
from tasks.contacts.stage import import_contacts, import_do_not_contact, import_events, import_orders
from tasks.dispatch.stage import approve_plan, dispatch
from tasks.reports.stage import write_report
from tasks.sample.generator import SampleParameters, generate_sample
from tasks.segments.stage import refresh_all_segments

START = datetime(2026, 11, 20, 9, 0, tzinfo=BUSINESS_ZONE)
SEED = 20261120
TOKEN_VARIABLE = "CHUDA_DEMO_TOKEN"
_WRITTEN_PORT = "127.0.0.1:8025"


def prepare_demo(folder: Path, rows: int) -> Path:
    """Lay out a demo workspace in an empty folder, with sample data; points the environment at it.

    The keys are fixed, so that every demo draws the same sample and prints the same numbers.

    Returns:
        The folder of the sample.
    """
    source = read_settings()
    home = folder / "state"
    os.environ.update(CHUDA_HOME=str(home), CHUDA_CAMPAIGNS=str(folder / "campaigns"), CHUDA_DEMO_TOKEN="demo-token")
    for name in ("CHUDA_NOW", "CHUDA_LEDGER_URL", "CHUDA_TOKEN_KEY", "CHUDA_SEAL_KEY"):
        os.environ.pop(name, None)
    shutil.copytree(source.campaigns, folder / "campaigns")
    keys = Keys(*(hashlib.sha256(f"chuda demo {name}".encode()).digest() for name in ("token", "seal")))
    save_keys(home / "keys", keys)
    ledger = open_ledger(home / "ledger.sqlite", keys)
    start_simulated_clock(ledger, START)
    ledger.close()
    generate_sample(SampleParameters(rows=rows, seed=SEED, now=START), folder / "sample")
    return folder / "sample"


@contextmanager
def running_simulator(folder: Path) -> Iterator[str]:
    """Run the provider simulator as a process of its own on a free port; yields its endpoint."""
    command = [sys.executable, "-m", "chuda.providers.simulator", "--port", "0", "--home", str(folder / "provider"),
               "--seed", str(SEED), "--token", os.environ[TOKEN_VARIABLE],
               "--ledger", str(folder / "state" / "ledger.sqlite"),
               "--profile", str(read_settings().reference / "demo_world.yaml")]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise ProviderTrouble("the provider simulator did not start; run `chuda simulator` to see why")
            address = f"127.0.0.1:{json.loads(line)['port']}"
            _point_channels(folder / "campaigns" / "channels", address)
            yield f"http://{address}"
        finally:
            process.terminate()


def _point_channels(channels: Path, address: str) -> None:
    for path in channels.glob("*.yaml"):
        path.write_text(path.read_text(encoding="utf-8").replace(_WRITTEN_PORT, address), encoding="utf-8")


@flow(name="demo", persist_result=False)
def run_demo(sample: str, campaign_file: str, endpoint: str, language: Language = "zh") -> str:
    """Import, segment, check, sample, plan, send, observe, decide, roll out, count and report; the campaign's id."""
    progress, files = current_progress(), Path(sample)
    progress.run(lambda: import_do_not_contact(str(files / "do_not_contact.csv")))
    progress.run(lambda: import_contacts(str(files / "contacts.csv")))
    progress.run(lambda: import_orders(str(files / "orders.csv")))
    progress.run(lambda: import_events(str(files / "events.csv")))
    progress.run(refresh_all_segments)
    plan_id = build_plan(campaign_file, progress)
    progress.run(lambda: approve_plan(plan_id, "demo"))
    progress.run(lambda: dispatch(plan_id, True))

    def shop_exports_orders() -> None:
        path = files / "shop_orders.csv"
        if export_orders(endpoint, os.environ[TOKEN_VARIABLE], path):
            progress.run(lambda: import_orders(str(path)))

    follow_plan(plan_id, "demo", progress, shop_exports_orders)
    return progress.run(lambda: write_report(plan_id, language)).details["campaign_id"]
