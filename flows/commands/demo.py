"""`chuda demo`: everything, once, on data it makes itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer

from flows.commands.output import StageLines, console, language, say, show_table


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    rows: Annotated[int, typer.Option(min=2_000, help="contacts to generate")] = 50_000,
    folder: Annotated[Path, typer.Option(help="where it works; laid out afresh")] = Path("data/demo"),
    timings: Annotated[bool, typer.Option("--timings", help="say where each second went")] = False,
) -> None:
    """The whole chain on generated contacts against the built-in simulator, in simulated time, offline."""
    started = perf_counter()
    lines = StageLines()
    console.print(
        say(
            "触达演示：模拟服务商、模拟时间，不会发出任何真实短信",
            "Chuda demo: simulated provider and time; nothing leaves",
        )
    )
    prefect_home = folder / "state" / "prefect"
    shutil.rmtree(folder, ignore_errors=True)
    prefect_home.mkdir(parents=True, mode=0o700)
    os.environ["PREFECT_HOME"] = str(prefect_home.absolute())
    from flows.demo import prepare_demo, run_demo, running_simulator

    imported = perf_counter()
    sample = prepare_demo(folder, rows)
    sampled = perf_counter()
    from flows.campaign import listening

    with running_simulator(folder) as endpoint, listening(lines):
        entered = perf_counter()
        campaign_id = run_demo(str(sample), str(folder / "campaigns" / "demo_retail.yaml"), endpoint, language())
    show_results(folder / "state", campaign_id)
    if timings:
        stages = sum(seconds for _, seconds in lines.timings)
        total = perf_counter() - started
        flow = perf_counter() - entered
        rest = [
            (say("导入程序库", "imports"), imported - started),
            (say("生成样本", "sample"), sampled - imported),
            *lines.timings,
            (say("Prefect 启动与记录、模拟器", "Prefect's own start and records, simulator"), flow - stages),
            (say("合计", "total"), total),
        ]
        show_table(say("耗时", "timings"), ("", "s"), [(name, round(seconds, 1)) for name, seconds in rest])


def show_results(home: Path, campaign_id: str) -> None:
    """Print the KPI table and where the report is."""
    from contextlib import closing

    from chuda.stores.marts import open_marts
    from tasks.reports.kpi_table import kpi_table

    with closing(open_marts(home / "marts.duckdb")) as marts:
        rows = kpi_table(marts, campaign_id, language())
    columns = say("指标,数值,目标,结论,建议", "KPI,value,line,verdict,advice").split(",")
    show_table(say("活动指标", "campaign KPIs"), columns, rows)
    for path in sorted((home / "reports").glob("*.html")):
        console.print(say("报告：", "report: ") + str(path))
