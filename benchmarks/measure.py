"""One measured step in a process of its own: seconds, and the most memory it held."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """What a step took: wall-clock and processor seconds, peak memory in GB, and what it said."""

    seconds: float
    cpu_seconds: float
    peak_gb: float
    said: Mapping[str, object]


def run_step(script: str, name: str, *arguments: str, **variables: str) -> Step:
    """Run a step of a benchmark's own script in a fresh process."""
    command = [sys.executable, script, "--step", name, *arguments]
    result = subprocess.run(command, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True, check=True)
    return Step(**json.loads(result.stdout.splitlines()[-1]))


def report_step(work: Callable[[], Mapping[str, object] | None]) -> None:
    """Inside the step's process: do the work and print what it took."""
    started, cpu = time.perf_counter(), time.process_time()
    said = work() or {}
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_gb": peak_gb, "said": said}, default=str))


def plot_growth(points: Mapping[str, Mapping[int, float]], target: Path, title: str) -> None:
    """A line per name over rows (millions) and seconds, with a straight line through the first point beside it."""
    import altair as alt
    import polars as pl
    import vl_convert as vlc

    rows = [
        {"rows": count / 1e6, "seconds": seconds, "step": name}
        for name, line in points.items()
        for count, seconds in line.items()
    ]
    first = {name: min(line.items()) for name, line in points.items()}
    rows += [
        {"rows": count / 1e6, "seconds": first[name][1] * count / first[name][0], "step": f"{name}, linear"}
        for name, line in points.items()
        for count in line
    ]
    chart = (
        alt.Chart(pl.DataFrame(rows), title=title, width=420, height=260)
        .mark_line(point=True)
        .encode(
            x=alt.X("rows:Q", title="million rows"),
            y=alt.Y("seconds:Q", title="seconds"),
            color=alt.Color("step:N", title=None),
            strokeDash=alt.StrokeDash("step:N", title=None),
        )
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(vlc.vegalite_to_svg(chart.to_dict()), "utf-8")
