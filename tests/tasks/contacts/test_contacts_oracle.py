"""Google's phonenumbers as the oracle: where it and the import disagree, it is for one of the reasons in the docs."""

from __future__ import annotations

import random

import phonenumbers
import polars as pl
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType, carrier

from tasks.contacts.phones import read_phones

FORMS = ("{0}", "+86{0}", "+86 {1} {2} {3}", "0086{0}", "{1}-{2}-{3}", "86-{0}", "(+86){0}", "0{0}")
CARRIERS = {"移动": "mobile", "联通": "unicom", "电信": "telecom", "广电": "broadnet"}


def numbers(count: int) -> list[str]:
    """Elevens over all prefixes from 130 to 199, whoever holds them or nobody."""
    source = random.Random(20261120)
    return [f"1{source.randrange(30, 100)}{source.randrange(10**8):08}" for _ in range(count)]


@pytest.fixture(scope="module")
def sample(reference) -> pl.DataFrame:
    """Each number in one of the ways people write it, with our phone (NULL if rejected) and reason."""
    plain = numbers(4000)
    cells = [FORMS[place % len(FORMS)].format(each, each[:3], each[3:7], each[7:]) for place, each in enumerate(plain)]
    frame = pl.DataFrame({"row": range(len(cells)), "cell": cells}, schema={"row": pl.UInt32, "cell": pl.String})
    reading = read_phones(frame, reference.prefixes)
    profiles = reference.prefixes.profiles.select("profile", "carrier", "number_type")
    persons = reading.persons.join(profiles, on="profile", how="left")
    return (
        frame.with_columns(plain=pl.Series(plain))
        .join(persons.select("row", "phone", "carrier", "number_type"), on="row", how="left")
        .join(reading.rejected.select("row", "reason"), on="row", how="left")
    )


def test_a_number_that_is_taken_is_the_number_the_oracle_reads(sample) -> None:
    for cell, phone in sample.filter(pl.col("phone").is_not_null()).select("cell", "phone").iter_rows():
        parsed = phonenumbers.parse(cell, "CN")
        assert phonenumbers.format_number(parsed, PhoneNumberFormat.E164) == f"+86{phone}", cell


def test_what_is_a_mobile_is_agreed_on_but_for_two_prefixes(sample) -> None:
    """149 is Telecom's, 161 nobody's (docs/howto/contacts.md, "Checked against phonenumbers")."""
    differing = set()
    for plain, phone in sample.select("plain", "phone").iter_rows():
        is_mobile = phonenumbers.number_type(phonenumbers.parse(f"+86{plain}")) == PhoneNumberType.MOBILE
        if is_mobile != (phone is not None):
            differing.add((plain[:3], phone is not None))
    assert differing == {("149", True), ("161", False)}


def test_carriers_agree_where_the_oracle_knows_one(sample) -> None:
    own = sample.filter((pl.col("number_type") == "mobile") & pl.col("phone").is_not_null())
    differing = []
    for plain, ours in own.select("plain", "carrier").iter_rows():
        theirs = carrier.name_for_number(phonenumbers.parse(f"+86{plain}"), "zh").removeprefix("中国")
        if theirs and CARRIERS.get(theirs) != ours:
            differing.append((plain[:4], ours, theirs))
    assert differing == []
