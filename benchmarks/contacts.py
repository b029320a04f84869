"""Importing dirty contacts, against Polars' bare CSV -> Parquet of the same file and a per-row script.

    python benchmarks/contacts.py                       # 200,000 rows, about a minute
    python benchmarks/contacts.py --rows 10000000       # what the promises are about
    python benchmarks/contacts.py --rows 1000000 3000000 10000000 --plot docs/pictures/import-growth.svg

Each step is a process of its own. The import is the nightly one (`changed_only`): it also remembers every row, so that
the second night, with 1% of the rows changed, can leave out the rest.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from chuda.clock import BUSINESS_ZONE

sys.path.insert(0, str(Path(__file__).parent))
from measure import Step, plot_growth, report_step, run_step

ROOT = Path(__file__).parents[1]
NOW = "2026-11-20T09:00:00+08:00"
CHANGED_EVERY = 100
PER_ROW_SAMPLE = 20_000


def main() -> None:
    """Run all sizes and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000])
    parser.add_argument("--memory-gb", default="4", help="DuckDB's share; Polars takes about 1 GB beside it")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--step")
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    if chosen.step:
        report_step(lambda: STEPS[chosen.step](chosen.folder, chosen.rows[0]))
        return
    points: dict[str, dict[int, float]] = {"bare CSV -> Parquet": {}, "import": {}, "night, 1% changed": {}}
    for rows in chosen.rows:
        with tempfile.TemporaryDirectory() as folder:
            for name, seconds in measure(Path(folder), rows, chosen.memory_gb).items():
                points[name][rows] = seconds
    if chosen.plot:
        plot_growth(points, chosen.plot, "Importing contacts")


def measure(folder: Path, rows: int, memory_gb: str) -> dict[str, float]:
    """Measure one size; the seconds by step."""
    variables = {"CHUDA_HOME": str(folder / "state"), "CHUDA_REFERENCE": str(ROOT / "data" / "reference"),
                 "CHUDA_NOW": NOW, "CHUDA_MEMORY_GB": memory_gb, "DO_NOT_TRACK": "1"}  # fmt: skip

    def step(name: str) -> Step:
        return run_step(__file__, name, "--folder", str(folder), "--rows", str(rows), **variables)

    step("sample")
    size_mb = (folder / "sample" / "contacts.csv").stat().st_size / 1e6
    print(f"\n{rows:,} rows, {size_mb:,.0f} MB")
    bare = min((step("bare") for _ in range(2)), key=lambda each: each.seconds)
    first = step("import")
    night = step("night")
    per_row = step("per_row")
    scaled = per_row.seconds * rows / min(rows, PER_ROW_SAMPLE)
    show("bare CSV -> Parquet", bare, "")
    cpu = first.cpu_seconds / bare.cpu_seconds
    show("import", first, f"{first.seconds / bare.seconds:.1f}x bare, {cpu:.1f}x its CPU (promised: 20x at 10 million)")
    show("night, 1% changed", night, f"{night.seconds / first.seconds:.1%} of the import")
    print(f"  {'per row, pandas + phonenumbers':32} {scaled:8.1f} s (scaled from {PER_ROW_SAMPLE:,} rows): "
          f"{scaled / first.seconds:.1f}x the import (promised: 8x)")  # fmt: skip
    return {"bare CSV -> Parquet": bare.seconds, "import": first.seconds, "night, 1% changed": night.seconds}


def show(name: str, step: Step, remark: str) -> None:
    """One line per step."""
    said = ", ".join(f"{key} {value}" for key, value in step.said.items())
    print(f"  {name:32} {step.seconds:8.1f} s  {step.cpu_seconds:8.1f} s CPU  {step.peak_gb:5.2f} GB  {remark}  {said}")


def make_sample(folder: Path, rows: int) -> None:
    """The contacts, and the next night's file with every hundredth row changed."""
    from chuda.keys import create_keys
    from tasks.sample.generator import SampleParameters, generate_sample

    generate_sample(
        SampleParameters(rows=rows, seed=1, now=datetime.fromisoformat(NOW).astimezone(BUSINESS_ZONE)),
        folder / "sample",
    )
    create_keys(folder / "state" / "keys")
    with (folder / "sample" / "contacts.csv").open("rb") as file, (folder / "night.csv").open("wb") as changed:
        changed.write(next(file))
        for number, line in enumerate(file):
            is_changed = number % CHANGED_EVERY == 0 and not line.startswith(b'"')
            changed.write(line.replace(b",", ",小".encode(), 1) if is_changed else line)


def convert_bare(folder: Path, _rows: int) -> None:
    """What Polars needs to read the file as strings and write it as Parquet."""
    import polars as pl

    lines = pl.scan_csv(folder / "sample" / "contacts.csv", infer_schema=False, truncate_ragged_lines=True)
    lines.sink_parquet(folder / "bare.parquet")


def import_file(folder: Path, _rows: int) -> Mapping[str, object]:
    """Read, clean, dedupe, enrich, tokenise, vault, gate, publish."""
    return _import(folder / "sample" / "contacts.csv")


def import_night(folder: Path, _rows: int) -> Mapping[str, object]:
    """The same export a night later."""
    return _import(folder / "night.csv")


def _import(path: Path) -> Mapping[str, object]:
    from tasks.contacts.stage import import_contacts

    result = import_contacts.fn(str(path), source="members", changed_only=True)
    return {"people": result.rows_out, "new": result.details["new"], "changed": result.details["changed"]}


def clean_per_row(folder: Path, rows: int) -> Mapping[str, object]:
    """The script people write: pandas, and phonenumbers for every row."""
    import pandas as pd
    import phonenumbers
    from phonenumbers import carrier, geocoder

    table = pd.read_csv(folder / "sample" / "contacts.csv", dtype=str, nrows=min(rows, PER_ROW_SAMPLE),
                        on_bad_lines="skip", keep_default_na=False)  # fmt: skip

    def read(text: str) -> tuple[str, str, str] | None:
        try:
            number = phonenumbers.parse(text, "CN")
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            return None
        return (phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
                carrier.name_for_number(number, "zh"), geocoder.description_for_number(number, "zh"))  # fmt: skip

    found = table.iloc[:, 0].map(read)
    table = table[found.notna()].assign(phone=[each[0] for each in found.dropna()])
    for column in ("生日", "同意时间"):
        table[column] = table[column].map(lambda text: pd.to_datetime(text, errors="coerce"))
    return {"kept": len(table.drop_duplicates("phone"))}


STEPS = {
    "sample": make_sample,
    "bare": convert_bare,
    "import": import_file,
    "night": import_night,
    "per_row": clean_per_row,
}

if __name__ == "__main__":
    os.environ.setdefault("TQDM_DISABLE", "1")
    main()
