"""An import that is killed half-way has changed nothing, and the next one finishes as if it had never been."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from contacts_room import KEYS, ROOT, open_room

from chuda.clock import BUSINESS_ZONE
from chuda.stores.ledger import open_ledger
from tasks.contacts.reference import load_reference
from tasks.contacts.reject_files import sweep_rejects

NOW = datetime(2026, 11, 20, 10, tzinfo=BUSINESS_ZONE)
ROWS = 20_000
HEADER = "手机号,姓名,是否同意营销短信,同意来源,同意时间,同意用途\n"


def import_here(folder: str) -> None:
    """What the killed process runs."""
    ledger = open_ledger(Path(folder) / "ledger.sqlite", KEYS)
    room = open_room(Path(folder), ledger, NOW, load_reference(ROOT / "data" / "reference"))
    print("ready", flush=True)
    room.contacts(Path(folder) / "b.csv", changed_only=True)
    print("done", flush=True)


def start(folder: Path) -> subprocess.Popen[str]:
    code = f"from test_contacts_kills import import_here; import_here({str(folder)!r})"
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)])
    return subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    )


def rows(consent: str) -> str:
    people = (f"138{number:08},王{number % 7},{consent},门店,2026-01-01,营销\n" for number in range(ROWS))
    return HEADER + "".join(people) + "123,x,,,,\n" * 50


def test_killed_imports_change_nothing_and_the_next_one_finishes(tmp_path, ledger, reference):
    room = open_room(tmp_path, ledger, NOW, reference)
    room.contacts(room.write("a.csv", f"{HEADER}13800000001,旧,是,门店,2025-01-01,营销\n"))
    room.write("b.csv", rows("是").replace("13800000001,王1,是", "13800000001,王1,否"))
    for delay in (0.2, 0.9):
        process = start(tmp_path)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.kill()
        finished = "done" in (process.communicate()[0] or "")
        assert room.rows("SELECT count(*) FROM contact_clean") in ([(1,)], [(ROWS,)])
        assert finished <= (room.rows("SELECT count(*) FROM contact_clean") == [(ROWS,)])
    last = start(tmp_path)
    assert "done" in last.communicate()[0]
    assert room.rows("SELECT count(*), count(DISTINCT token) FROM contact_clean") == [(ROWS, ROWS)]
    assert room.workspace.vault.read()["token"].is_unique().all()
    assert room.workspace.vault.read().height == ROWS
    assert [reason for _, _, reason in room.suppressed()] == ["consent_withdrawn"]
    sweep_rejects(room.workspace.settings.rejects, NOW)
    assert [path.suffix for path in room.workspace.settings.rejects.iterdir()] == [".csv"]
    assert list(room.workspace.settings.scratch.iterdir()) == []
