"""`kill -9`, again and again: real senders, a real provider process, real HTTP, faults, and what came of it."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path

from dying_worker import BEGUN, run_worker
from fakes import phones, put_release, start_simulator

from chuda.clock import BUSINESS_ZONE
from chuda.keys import create_keys
from chuda.providers.simulator.judge import Judge
from chuda.records.channel import ChannelRecord
from chuda.stores.ledger import Ledger, open_ledger
from chuda.stores.ledger.releases import state_counts

NOW = "2026-11-20T10:00:00+08:00"
TROUBLE = """
faults: {reset: 0.03, bad_gateway: 0.02, bad_gateway_but_accepted: 0.03, wrong_json: 0.02, too_many: 0.02}
"""
PEOPLE_A_KILL = 100
POINTS = 60
"""Up to which of its commits and requests an injected kill lets a process come."""
RANDOM_AFTER_S = (0.0, 1.0)
"""When a random kill comes after its process started, in seconds."""
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tasks.dispatch.worker"])  # what takes time to import
_RUNS_A_KILL = 10
_ASKED = "SELECT count(*) FROM attempt WHERE code IN ('absent', 'accepted', 'delivered', 'failed')"


@dataclass(frozen=True, slots=True)
class KillRun:
    """What is to be done: how many senders at once, each with a release of its own, killed how often in total."""

    kills: int
    workers: int = 1
    seed: int = 20
    postgres: str | None = None

    @property
    def people(self) -> int:
        """So many that the kills fall into the sending."""
        return self.kills * PEOPLE_A_KILL


@dataclass(slots=True)
class KillReport:
    """What came of it; `states` is what the ledger says, the rest what the provider's own record says."""

    kills: int = 0
    places: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    people: int = 0
    accepted: int = 0
    duplicates: int = 0
    asked: int = 0
    seconds: float = 0.0
    states: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    busiest_second: int = 0

    @property
    def lost(self) -> int:
        """People without a recorded state, and those whose state is not the provider's."""
        unsettled = self.people - self.states.get("accepted", 0) - self.states.get("rejected", 0)
        return unsettled + abs(self.states.get("accepted", 0) - self.accepted)


def channel_record(port: int) -> str:
    """A channel whose query can be trusted after a second, as JSON."""
    return ChannelRecord.model_validate(
        {
            "name": "demo", "adapter": "generic", "simulator": True, "endpoint": f"http://127.0.0.1:{port}",
            "account": "a", "credentials": {"token": "SIM_TOKEN"}, "message_types": ["marketing"],
            "price_cny_per_part": Decimal("0.05"), "billing": "submitted", "rate_parts_per_second": 300,
            "definitive_query": True, "query_grace_seconds": 1, "signatures": ["橙柚生活"],
        }
    ).model_dump_json()  # fmt: skip


class Senders:
    """The sender processes of one run: one per release, started again until its release is done.

    Every other one is killed from outside at a random moment; those between die by their own hand at their n-th commit
    or request (dying_worker.py), n going through the numbers up to `POINTS` again and again.
    """

    def __init__(self, home: Path, run: KillRun) -> None:
        self._home = home
        self._variables = {"CHUDA_HOME": str(home), "CHUDA_NOW": NOW, "SIM_TOKEN": "simulator",
                           "CHUDA_LEDGER_URL": run.postgres or ""}  # fmt: skip
        self._chance = random.Random(run.seed)
        self._left = run.kills
        self._most_runs = run.kills * _RUNS_A_KILL + 50
        self._injected = 0
        self.report = KillReport()
        self._open = {f"p{number}-1": self._start(f"p{number}-1") for number in range(1, run.workers + 1)}

    def _start(self, release_id: str) -> tuple[BaseProcess, float]:
        point, dies_at = 0, float("inf")
        if self._left > 0 and self.report.runs % 2:
            self._injected += 1
            point = self._injected * 7 % POINTS + 1  # 7 and 60 have no common divisor: every number comes
        elif self._left > 0:
            dies_at = time.monotonic() + self._chance.uniform(*RANDOM_AFTER_S)
        self._said(release_id).write_text("")
        arguments = (self._variables, release_id, point, str(self._said(release_id)))
        process = FORKS.Process(target=run_worker, args=arguments)
        process.start()
        self.report.runs += 1
        assert self.report.runs < self._most_runs, "it does not come to an end"
        return process, dies_at

    def _said(self, release_id: str) -> Path:
        return self._home / f"said-{release_id}"

    def run(self) -> KillReport:
        """Kill and start until every release is done."""
        while self._open:
            for release_id, (process, dies_at) in list(self._open.items()):
                if not process.is_alive():
                    self._ended(release_id, process)
                elif self._left > 0 and time.monotonic() >= dies_at:
                    process.kill()
            time.sleep(0.005)
        self.report.places = dict(sorted(self.report.places.items()))
        return self.report

    def _ended(self, release_id: str, process: BaseProcess) -> None:
        process.join()
        said = self._said(release_id).read_text()
        if process.exitcode == -signal.SIGKILL:
            place = said.partition(BEGUN)[2].strip() or "at a random moment"
            self.report.places[place] = self.report.places.get(place, 0) + 1
            self.report.kills += 1
            self._left -= 1
        else:
            assert process.exitcode in (0, 4), said
        if process.exitcode == 0 and said.strip() == "done":
            del self._open[release_id]
        else:
            self._open[release_id] = self._start(release_id)


def describe(report: KillReport) -> str:
    """The report as `make soak` prints it."""
    places = ", ".join(f"{count} {place}" for place, count in report.places.items())
    faults = ", ".join(f"{kind} {count}" for kind, count in sorted(report.faults.items()))
    return (
        f"{report.kills} kills ({places})\n"
        f"  {report.people} people, {report.accepted} accepted by the provider, states {report.states}\n"
        f"  faults: {faults}\n  {report.asked} outcomes settled by asking, {report.seconds:.0f} s\n"
        f"  duplicates {report.duplicates}, lost {report.lost}"
    )


@contextmanager
def open_stage(folder: Path, run: KillRun) -> Iterator[tuple[Path, Ledger, Path]]:
    """A ledger with a release per sender, and a provider that fails in every way; home, ledger, provider's folder."""
    home, company, profile = folder / "home", folder / "company", folder / "profile.yaml"
    keys = create_keys(home / "keys")
    target = run.postgres or home / "ledger.sqlite"
    ledger = open_ledger(target, keys)
    profile.write_text(TROUBLE)
    with start_simulator(company, profile=profile, ledger=target, now=NOW, seed=run.seed) as port:
        now = datetime(2026, 11, 20, 9, 0, tzinfo=BUSINESS_ZONE)
        people = phones(run.people)
        share = -(-len(people) // run.workers)
        for number in range(run.workers):
            put_release(
                ledger, keys, now, people=people[number * share : (number + 1) * share], plan_id=f"p{number + 1}",
                occurrence=str(number), channel_record=channel_record(port),
            )  # fmt: skip
        yield home, ledger, company
    ledger.close()


def run_kills(folder: Path, run: KillRun) -> KillReport:
    """Do a run and let the provider's record judge it."""
    started = time.monotonic()
    with open_stage(folder, run) as (home, ledger, company):
        report = Senders(home, run).run()
        states: Counter[str] = Counter()
        with ledger.read() as connection:
            for number in range(run.workers):
                states.update(state_counts(connection, f"p{number + 1}"))
            report.asked = int(connection.exec_driver_sql(_ASKED).scalar_one())
        with Judge.open(company, plan_of=lambda _batch_id: "all") as judge:
            report.duplicates, report.accepted = len(judge.duplicates()), judge.count()
            report.faults, report.busiest_second = judge.faults(), judge.busiest_second()
    report.people, report.states = run.people, dict(states)
    report.seconds = round(time.monotonic() - started, 1)
    return report


def judge(report: KillReport, kills: int) -> None:
    """Fail unless nobody was lost or reached twice – and unless the run was a test at all."""
    assert (report.duplicates, report.lost) == (0, 0), report
    assert sum(report.states.values()) == report.people
    assert report.states["accepted"] > report.people * 0.99, "hardly anybody is refused in lawful hours"
    assert report.kills >= kills, "the kills must fall into the sending, not after it"
    assert report.asked > 3, "some kills and faults must have left outcomes unknown"
