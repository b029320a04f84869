"""The prefix table: who holds a number by our rules, and where its prefix lies by the table of the `phone` package."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from phone import Phone

from chuda.errors import UsageError
from tasks.contacts.prefixes import FIRST_PREFIX, build_prefix_table, load_number_rules, read_places
from tasks.contacts.reference import ContactReference

HOLDERS = {
    "1348": ("mobile", "mobile"), "1349": ("telecom", "mobile"), "147": ("mobile", "mobile"), "198": ("mobile",
    "mobile"),
    "145": ("unicom", "mobile"), "196": ("unicom", "mobile"), "149": ("telecom", "mobile"), "17400": ("telecom",
    "mobile"),
    "17405": ("telecom", "mobile"), "192": ("broadnet", "mobile"), "165": ("mobile", "mvno"), "1703": ("mobile",
    "mvno"),
    "1704": ("unicom", "mvno"), "171": ("unicom", "mvno"), "1700": ("telecom", "mvno"), "162": ("telecom", "mvno"),
}  # fmt: skip
WITHOUT = {"17406": "unassigned_prefix", "1749": "iot", "144": "iot", "10648": "iot", "154": "unassigned_prefix"}


def profile_of(head: str, reference: ContactReference) -> dict[str, object]:
    table = reference.prefixes
    place = int(head.ljust(7, "0")) - FIRST_PREFIX
    return table.profiles.row(table.profile_of_prefix[place], named=True)


@pytest.mark.parametrize(("head", "holder"), HOLDERS.items())
def test_carrier_and_type_follow_the_rules(head: str, holder: tuple[str, str], reference: ContactReference) -> None:
    profile = profile_of(head, reference)
    assert (profile["carrier"], profile["number_type"], profile["reason"]) == (*holder, None)


@pytest.mark.parametrize(("head", "reason"), WITHOUT.items())
def test_prefixes_without_people_have_a_reason(head: str, reason: str, reference: ContactReference) -> None:
    assert profile_of(head, reference)["reason"] == reason


def test_places_are_those_that_the_package_itself_finds(reference: ContactReference) -> None:
    oracle = Phone()
    places = read_places()
    assert places.height == 499_527
    assert places["prefix7"].is_unique().all()
    for prefix, province, city in places.sample(300, seed=1).iter_rows():
        found = oracle.find(prefix)
        assert (province, city) == (found["province"], found["city"])


def test_every_prefix_has_exactly_one_profile(reference: ContactReference) -> None:
    table = reference.prefixes
    assert len(table.profile_of_prefix) == 1_000_000
    assert table.profile_of_prefix.null_count() == 0
    assert table.profiles["profile"].to_list() == list(range(table.profiles.height))


def test_a_prefix_that_the_table_lacks_is_good_without_a_place(reference: ContactReference) -> None:
    places = pl.DataFrame(
        {"prefix7": [1380013], "province": ["北京"], "city": ["北京"]}, schema_overrides={"prefix7": pl.Int32}
    )
    table = build_prefix_table(reference.prefixes.rules, places)
    row = table.profiles.row(table.profile_of_prefix[1390000 - FIRST_PREFIX], named=True)
    assert (row["carrier"], row["province"], row["reason"]) == ("mobile", None, None)


def test_a_longer_prefix_wins_over_a_shorter_one_in_any_order(tmp_path: Path) -> None:
    narrow = '{carrier: "telecom", number_type: "mobile", prefixes: "1349"}'
    wide = '{carrier: "mobile", number_type: "mobile", prefixes: "134"}'
    path = tmp_path / "rules.yaml"
    for rules in (f"{narrow}, {wide}", f"{wide}, {narrow}"):
        path.write_text(f'mainland: [{rules}]\nwithout_sms: "140"\nregions: []\n')
        table = build_prefix_table(load_number_rules(path), read_places())
        carriers = table.profiles["carrier"].gather(table.profile_of_prefix[[340_000, 349_000]])
        assert carriers.to_list() == ["mobile", "telecom"]


@pytest.mark.parametrize("bad", ["13", "135-9", "139-135", "2345", "13x"])
def test_a_prefix_that_is_none_is_refused_with_the_file(bad: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    rule = f'{{carrier: "mobile", number_type: "mobile", prefixes: "{bad}"}}'
    path.write_text(f'mainland: [{rule}]\nwithout_sms: "140"\nregions: []\n')
    with pytest.raises(UsageError, match=r"rules\.yaml"):
        load_number_rules(path)
