"""Somebody who read only the README: makes a GBK sample, imports it, and finds the counts of its answer key."""

from __future__ import annotations

import json
import re
from pathlib import Path

from flow_runs import ROOT, run_chuda


def test_a_dirty_gbk_export_imported_as_the_readme_says_gives_the_counts_of_its_answer_key(tmp_path: Path) -> None:
    variables = {"CHUDA_REFERENCE": str(ROOT / "data" / "reference"), "CHUDA_LANG": "en"}

    def chuda(*arguments: str) -> str:
        result = run_chuda(*arguments, home=tmp_path / "home", **variables)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    chuda("sample", "--rows", "2500", "--seed", "7", "--encoding", "gb18030", "--out", str(tmp_path / "s"))
    key = json.loads((tmp_path / "s" / "answer_key.json").read_text("utf-8"))["candidates"]
    chuda("init")
    said = chuda("contacts", "import", str(tmp_path / "s" / "contacts.csv"))
    rejected = {reason: count for reason, count in key["rejected"].items() if count}
    refused = sum(rejected.values())
    assert (
        f"{key['rows']:,} rows + {key['extra_numbers']:,} further numbers in their cells = {key['kept']:,} kept + "
        f"{key['merged']:,} merged + {key['alternates']:,} kept as further numbers + {refused:,} rejected"
    ) in " ".join(said.split())
    listed = re.search(r"rejected: (.*?) columns:", " ".join(said.split()))
    assert listed is not None
    assert {word: int(count) for word, count in re.findall(r"(\w+) (\d+)", listed[1])} == rejected
