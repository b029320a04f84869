"""The sample keeps its promises: same seed, same bytes; the key adds up; every kind of dirt is there."""

from __future__ import annotations

import csv
import io
import json
import stat
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.errors import UsageError
from tasks.sample.generator import SampleManifest, SampleParameters, generate_sample

NOW = datetime(2026, 11, 22, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
SMALL = SampleParameters(rows=2_000, seed=5, now=NOW)


def files_of(manifest: SampleManifest) -> dict[str, bytes]:
    paths = (manifest.contacts, manifest.orders, manifest.events, manifest.do_not_contact, manifest.answer_key)
    return {path.name: path.read_bytes() for path in paths}


def test_same_parameters_give_the_same_bytes(tmp_path: Path) -> None:
    first = files_of(generate_sample(SMALL, tmp_path / "a"))
    again = files_of(generate_sample(SMALL, tmp_path / "b"))
    assert first == again


@pytest.mark.parametrize("change", [{"seed": 6}, {"now": NOW.replace(day=23)}, {"dirt": 0.5}])
def test_another_seed_day_or_dirt_gives_other_contacts_and_orders(tmp_path: Path, change: dict[str, object]) -> None:
    first = files_of(generate_sample(SMALL, tmp_path / "a"))
    other = files_of(generate_sample(replace(SMALL, **change), tmp_path / "b"))
    assert all(first[name] != other[name] for name in first)


def test_every_kind_of_dirt_is_there_from_2000_rows_on(tmp_path: Path) -> None:
    key = generate_sample(SMALL, tmp_path).key
    dirt = asdict(key.dirt)
    kinds = {
        f"{group}.{name}": n
        for group, counts in dirt.items()
        if group != "compound_surnames"
        for name, n in counts.items()
    }
    kinds |= {f"rejected.{name}": n for name, n in key.candidates.rejected.items()}
    kinds |= {f"order.{name}": n for name, n in key.orders.bad.items()}
    kinds |= {f"region.{name}": n for name, n in key.people.by_region.items()}
    kinds |= {f"stage.{name}": n for name, n in key.people.by_life_stage.items()}
    kinds |= {f"event.{name}": n for name, n in key.events.items()}
    kinds |= {"compound": key.dirt.compound_surnames, "conflicts": key.people.with_conflicting_consent}
    assert {name for name, count in kinds.items() if count == 0} == set()


@settings(max_examples=25, deadline=None)
@given(rows=st.integers(1, 400), dirt=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_the_key_adds_up_for_any_size_and_dirt(
    tmp_path_factory: pytest.TempPathFactory, rows: int, dirt: float, seed: int
) -> None:
    manifest = generate_sample(SampleParameters(rows, seed, NOW, dirt=dirt), tmp_path_factory.mktemp("sample"))
    candidates, people, orders = manifest.key.candidates, manifest.key.people, manifest.key.orders
    rejected = sum(candidates.rejected.values())
    assert candidates.rows == rows == len(manifest.contacts.read_bytes().splitlines()) - 1
    assert candidates.rows + candidates.extra_numbers == (
        candidates.kept + candidates.merged + candidates.alternates + rejected
    )
    for counts in (people.by_region, people.by_carrier, people.by_number_type, people.by_consent, people.by_life_stage):
        assert sum(counts.values()) == candidates.kept
    assert sum(people.by_province.values()) == people.by_region["CN"]
    assert orders.good + sum(orders.bad.values()) == orders.rows == len(manifest.orders.read_bytes().splitlines()) - 1


def test_no_dirt_means_one_plain_number_per_row(tmp_path: Path) -> None:
    manifest = generate_sample(replace(SMALL, dirt=0.0), tmp_path)
    phones = [row[0] for row in csv.reader(io.StringIO(manifest.contacts.read_text("utf-8")))][1:]
    assert all(phone.removeprefix("+").isdecimal() for phone in phones)
    assert manifest.key.candidates.kept == len(set(phones)) == 2_000
    assert sum(manifest.key.orders.bad.values()) == sum(manifest.key.dirt.impossible_dates.values()) == 0


@pytest.mark.parametrize(("encoding", "line_end"), [("gb18030", b"\r\n"), ("utf-8-sig", b"\r\n")])
def test_encodings_hold_the_same_text(tmp_path: Path, encoding: str, line_end: bytes) -> None:
    plain = generate_sample(SMALL, tmp_path / "utf-8")
    other = generate_sample(replace(SMALL, encoding=encoding), tmp_path / encoding)
    for name, content in files_of(other).items():
        if name.endswith(".csv"):
            assert content.endswith(line_end)
            assert content.decode(encoding).replace("\r\n", "\n").encode() == files_of(plain)[name]
    assert other.contacts.read_bytes().startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")


def test_files_are_private_even_where_wider_ones_stood(tmp_path: Path) -> None:
    (tmp_path / "contacts.csv").write_text("old")
    (tmp_path / "contacts.csv").chmod(0o644)
    manifest = generate_sample(SMALL, tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(files_of(manifest), 0o600)


def test_the_key_file_says_what_the_manifest_says_and_holds_no_number(tmp_path: Path) -> None:
    manifest = generate_sample(SMALL, tmp_path)
    text = manifest.answer_key.read_text("utf-8")
    assert json.loads(text) == asdict(manifest.key)
    assert json.loads(text)["parameters"]["now"] == "2026-11-22T10:00:00+08:00"
    assert not [word for word in text.replace('"', " ").replace(",", " ").split() if word.isdecimal() and len(word) > 8]


@pytest.mark.parametrize(
    "change",
    [{"rows": 0}, {"rows": 10**9}, {"seed": -1}, {"now": datetime(2026, 1, 1)}, {"encoding": "big5"}, {"dirt": 1.5}],
)
def test_impossible_parameters_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=next(iter(change))):
        replace(SMALL, **change)


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UsageError, match="choose another --out"):
        generate_sample(SMALL, tmp_path / "taken")


def test_a_demo_sized_sample_has_enough_people_to_write_to(tmp_path: Path) -> None:
    people = generate_sample(SampleParameters(rows=50_000, seed=1, now=NOW), tmp_path).key.people
    assert people.marketing_eligible_mainland > 20_000
    assert people.by_consent["granted"] / sum(people.by_consent.values()) == pytest.approx(0.56, abs=0.02)
