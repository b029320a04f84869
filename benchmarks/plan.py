"""How long a plan takes, from the contacts to sealed releases, against DuckDB's plain copy of the columns it reads.

`python -m benchmarks.plan --people 5000000` makes people, copies their columns, plans and seals a marketing campaign
with two variants, and prints every step with its time, its CPU time (user and system, all threads), the factor of both
to the copy and the peak memory of the process. On a machine shared with others the CPU time is the steadier of the two.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from chuda.clock import BUSINESS_ZONE, to_us
from chuda.keys import Keys
from chuda.settings import Settings
from chuda.stores.ledger import open_ledger
from chuda.stores.vault import Vault
from chuda.stores.warehouse import Warehouse
from tasks.compliance.audience import AudienceRequest, Restraints, choose_audience, find_troubled_numbers
from tasks.content.stage import render_audience
from tasks.dispatch.sealing import read_release, seal_release
from tasks.experiments.assignment import AssignmentSpec, assign
from tasks.planning.briefing import Briefing, read_briefing
from tasks.planning.plan import publish_plan, write_staged

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 20, 9, tzinfo=BUSINESS_ZONE)
LIMIT_FACTOR, LIMIT_GB = 12, 6.0
COPY = "plain copy of the columns"
CAMPAIGN = """
id: benchmark
name: benchmark
type: marketing
trade: retail
sender: business.yaml
channels: [demo]
audience: {segments: [everyone], where: points >= 0}
template:
  text: 【橙柚生活】{salutation}，{points}积分{points_expire_on}到期，{offer}，点 {link} 领取，拒收请回复R
  link: https://cy.example/a1
  overflow: drop_variables
  drop_variables: [salutation]
schedule: {date: 2026-11-20, slot: "15:00-17:00"}
experiment:
  mode: full
  variable: offer
  variants:
    - {name: discount, variables: {offer: 满200减30}, cost_cny: 0.9}
    - {name: gift, variables: {offer: 满200送杯}, cost_cny: 0.7}
  primary_metric: conversions
  fallback: gift
  holdout: 0.05
"""
COLUMNS = (
    "token, phone_region, carrier, number_type, province, phone_city, city, name, surname, gender, birthday, language, "
    "points, points_expire_on, consent, consent_source, consent_at, consent_purpose, source_id, updated_at"
)
_PEOPLE = """
INSERT INTO contact_clean BY NAME
SELECT sha256(i::varchar)[1:32] AS token, 'CN' AS phone_region, ['mobile', 'unicom', 'telecom'][1 + i % 3] AS carrier,
    'mobile' AS number_type, ['广东', '浙江', '四川', '北京'][1 + i % 4] AS province, '深圳' AS phone_city,
    '深圳' AS city,
    ['王', '李', '张', '欧阳'][1 + i % 4] || ['明', '芳', '伟'][1 + i % 3] AS name,
    ['王', '李', '张', '欧阳'][1 + i % 4] AS surname, ['f', 'm', NULL][1 + i % 3] AS gender,
    date '1970-01-01' + (i % 15000)::integer AS birthday, 'zh-Hans' AS language, (hash(i) % 10000)::bigint AS points,
    date '2026-12-01' + (i % 60)::integer AS points_expire_on, if(i % 20 = 0, 'none', 'granted') AS consent,
    '门店小程序' AS consent_source, timestamptz '2026-08-01 10:00:00+08' AS consent_at,
    if(i % 50 = 0, '售后服务', '营销短信') AS consent_purpose, 'M' || i AS source_id, i::uinteger AS source_row,
    'f' AS source_file, 'i' AS import_id, true AS states_consent, timestamptz '2026-10-01 00:00:00+08' AS updated_at
FROM range($people) r (i)
"""


class Steps:
    """Times of named steps, printed as they end."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure one step."""
        started, cpu_started = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = time.perf_counter() - started
        self.cpu_seconds[name] = time.process_time() - cpu_started
        print(f"{name:34} {self.seconds[name]:8.2f} s   CPU {self.cpu_seconds[name]:8.2f} s   peak {_peak_gb():.2f} GB",
              flush=True)  # fmt: skip


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def make_people(warehouse: Warehouse, vault: Vault, people: int) -> None:
    """Fill the warehouse and the vault with people who differ where plans look."""
    create = (ROOT / "tasks/contacts/create_contact_tables.sql").read_text(encoding="utf-8")
    with warehouse.write() as connection:
        connection.execute(create)
        connection.execute(_PEOPLE, {"people": people})
        connection.execute(
            "CREATE TABLE contact_tagged AS SELECT token, points FROM contact_clean; "
            "CREATE TABLE segment_member AS SELECT 'everyone' AS segment, token, NULL::timestamptz AS to_at "
            "FROM contact_clean"
        )
    with warehouse.read() as connection:
        for first in range(0, people, 500_000):
            vault.append(connection.execute(
                "SELECT token, (13000000000 + source_row::bigint)::varchar AS phone FROM contact_clean "
                "WHERE source_row >= ? AND source_row < ?", [first, first + 500_000]
            ).pl())  # fmt: skip


def measure(folder: Path, people: int) -> Steps:
    """Plan for so many people in a workspace of its own; the steps, the plain copy first."""
    keys = Keys(bytes(range(32)), bytes(range(32, 64)))
    warehouse = Warehouse(folder / "warehouse.duckdb", folder / "scratch", memory_gb=2.5)
    vault, steps = Vault(folder / "vault.sqlite", keys), Steps()
    print(f"{people:,} people", flush=True)
    make_people(warehouse, vault, people)
    with steps.step(COPY), warehouse.write() as connection:
        connection.execute(f"CREATE TABLE plain AS SELECT {COLUMNS} FROM contact_clean")
    with warehouse.write() as connection:
        connection.execute("DROP TABLE plain")
    briefing = _read_briefing(folder)
    with warehouse.draft(briefing.draft_id) as connection:
        _choose(connection, briefing, steps)
        with steps.step("rendering, parts, lexicons"):
            render_audience(connection, briefing)
        with steps.step("assignment"):
            _assign(connection, briefing)
    with warehouse.draft(briefing.draft_id) as connection:
        with steps.step("messages, releases, hash"):
            write_staged(connection, briefing)
            plan = publish_plan(connection, briefing, [], NOW)
    print(f"planned {plan.planned:,}, in {plan.releases} releases; excluded {plan.excluded}", flush=True)
    with steps.step("sealing"):
        _seal(warehouse, vault, keys, folder, plan.plan_id, plan.releases)
    return steps


def _read_briefing(folder: Path) -> Briefing:
    campaigns = folder / "campaigns"
    (campaigns / "channels").mkdir(parents=True)
    for name in ("business.yaml", "channels/demo.yaml"):
        (campaigns / name).write_text((ROOT / "data/campaigns" / name).read_text(encoding="utf-8"), encoding="utf-8")
    (campaigns / "benchmark.yaml").write_text(CAMPAIGN, encoding="utf-8")
    settings = Settings(home=folder / "home", campaigns=campaigns, reference=ROOT / "data/reference")
    return read_briefing(settings, campaigns / "benchmark.yaml", NOW)


def _choose(connection: Any, briefing: Briefing, steps: Steps) -> None:
    with steps.step("rules"):
        find_troubled_numbers(connection, [], NOW)
        text = pl.String()
        stops = pl.DataFrame(schema={"token": text, "scope": text, "reason": text})
        request = AudienceRequest("marketing", ("everyone",), (), "points >= 0", ("CN",),
                                  opens_at=briefing.timing.first_opening)  # fmt: skip
        choose_audience(connection, request, Restraints(stops))


def _assign(connection: Any, briefing: Briefing) -> None:
    connection.execute(
        "CREATE OR REPLACE TABLE audience_eligible AS SELECT token, segment, province FROM audience_candidate c "
        "WHERE NOT EXISTS (SELECT 1 FROM audience_excluded x WHERE x.token = c.token)"
    )
    assert briefing.registration is not None
    assign(connection, AssignmentSpec.for_experiment(briefing.registration))
    connection.execute("CREATE TABLE audience_dealt AS SELECT * FROM audience_assigned")
    connection.execute("DROP TABLE audience_assigned")
    connection.execute("ALTER TABLE audience_dealt RENAME TO audience_assigned")
    connection.execute(
        "INSERT INTO audience_excluded SELECT token, 'holdout' FROM audience_assigned WHERE role = 'holdout'"
    )


def _seal(warehouse: Warehouse, vault: Vault, keys: Keys, folder: Path, plan_id: str, releases: int) -> None:
    ledger = open_ledger(folder / "ledger.sqlite", keys)
    for number in range(1, releases + 1):
        with warehouse.read() as connection:
            planned = read_release(connection, plan_id, number, to_us(NOW))
        with ledger.write() as writing:
            seal_release(writing, planned, vault, keys)
    ledger.close()


def main() -> None:
    """Run the benchmark and say whether it keeps its limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=5_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        steps = measure(Path(folder), arguments.people)
    for clock, seconds in (("wall", steps.seconds), ("CPU", steps.cpu_seconds)):
        copy = seconds.pop(COPY)
        total = sum(seconds.values())
        print(f"{clock}: {total:.1f} s = {total / copy:.1f} x the copy of {copy:.2f} s (limit {LIMIT_FACTOR} x)")
    print(f"peak memory {_peak_gb():.2f} GB (limit {LIMIT_GB} GB)")


if __name__ == "__main__":
    main()
