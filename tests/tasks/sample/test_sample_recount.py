"""The answer key against the files: everything counted again from the text, by other means than the generator's."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from phone import Phone

from tasks.sample.generator import SampleManifest, SampleParameters, generate_sample

NOW = datetime(2026, 11, 22, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
COLUMNS = 16
SEPARATORS = re.compile(r"\s*[/,、，;]\s*")
MOBILE = re.compile(r"1[3-9]\d{9}")
ABROAD = re.compile(r"(852|853|886)\d{8,9}")
UNASSIGNED = re.compile(r"1(54|60|61|63|64|68|69|79|94)\d{8}")
IOT = re.compile(r"(14[01468]\d{10}|1064[689]\d{8}|1749\d{7})")
SEVERITY = ("granted", "none", "denied")
ANSWERS = {"是": 0, "同意": 0, "Y": 0, "1": 0, "": 1, "否": 2, "不同意": 2, "N": 2, "拒绝": 2}


@dataclass
class Recount:
    """What a slow, plain reader finds in contacts.csv."""

    people: dict[str, list[dict[str, str]]] = field(default_factory=lambda: defaultdict(list))
    alternates: list[str] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    extra: int = 0


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleManifest:
    parameters = SampleParameters(rows=12_000, seed=3, now=NOW, encoding="gb18030", dirt=0.6)
    return generate_sample(parameters, tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def recount(sample: SampleManifest) -> Recount:
    header, *rows = read_rows(sample.contacts)
    result = Recount()
    for row in rows:
        result.rows += 1
        if len(row) != COLUMNS:
            result.rejected["ragged_row"] += 1
            continue
        read_cell(result, row[0], dict(zip(header, row, strict=True)))
    return result


def read_rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("gb18030"), newline="")))


def read_cell(result: Recount, cell: str, fields: dict[str, str]) -> None:
    pieces = SEPARATORS.split(cell)
    result.extra += len(pieces) - 1
    is_taken = False
    for piece in pieces:
        kind, number = judge(piece)
        if kind != "valid":
            result.rejected[kind] += 1
        elif is_taken:
            result.alternates.append(number)
        else:
            result.people[number].append(fields)
            is_taken = True


def judge(piece: str) -> tuple[str, str]:
    """('valid', canonical number) or (reason, '')."""
    text = unicodedata.normalize("NFKC", piece).strip().removeprefix("'").removesuffix(".0")
    digits = re.sub(r"\D", "", text)
    if re.match(r"(\+|00)(?!86|85[23]|886)\d", text) and len(set(digits)) > 1:
        return "foreign", ""
    digits = re.sub(r"^00", "", digits)
    digits = re.sub(r"^86(?=1\d{10}$)", "", digits)
    if MOBILE.fullmatch(digits) and not UNASSIGNED.fullmatch(digits) and not digits.startswith("1749"):
        return ("valid", digits) if len(set(digits)) > 1 else ("all_same_digit", "")
    if ABROAD.fullmatch(digits):
        return "valid", f"+{digits}"
    return reason_of(text, digits), ""


def reason_of(text: str, digits: str) -> str:
    if not text:
        return "empty"
    if re.fullmatch(r"1\.\d+[Ee]\+10", text):
        return "excel_destroyed"
    if not digits:
        return "not_a_number"
    if len(set(digits)) == 1:
        return "all_same_digit"
    if IOT.fullmatch(digits):
        return "iot"
    if text.startswith(("0", "(0", "400-")):
        return "landline"
    if UNASSIGNED.fullmatch(digits):
        return "unassigned_prefix"
    return "too_short" if len(digits) < 11 else "too_long"


def test_candidates(sample: SampleManifest, recount: Recount) -> None:
    key = sample.key.candidates
    assert (recount.rows, recount.extra) == (key.rows, key.extra_numbers)
    assert recount.rejected == key.rejected
    assert len(recount.people) == key.kept
    assert sum(len(rows) for rows in recount.people.values()) == key.kept + key.merged
    assert len(recount.alternates) == len(set(recount.alternates)) == key.alternates
    assert not set(recount.alternates) & set(recount.people)


def test_forms_of_phone_cells(sample: SampleManifest) -> None:
    cells = [row[0] for row in read_rows(sample.contacts)[1:] if len(row) == COLUMNS]
    patterns = {
        "spaced": r"1\d\d \d{4} \d{4}",
        "plus86_dash": r"\+86-1\d{10}",
        "double_zero_86": r"00861\d{10}",
        "bracket_86": r"\(86\)1\d{10}",
        "bare_86": r"861\d{10}",
        "full_width": r"[０-９]{11}",
        "trailing_dot_zero": r"1\d{10}\.0",
        "leading_quote": r"'1\d{10}",
        "padded": r" 1\d{10}  ",
    }
    found = {name: sum(bool(re.fullmatch(pattern, cell)) for cell in cells) for name, pattern in patterns.items()}
    assert found == {name: sample.key.dirt.mainland_forms[name] for name in patterns}


def test_regions_and_provinces_as_the_phone_package_says(sample: SampleManifest, recount: Recount) -> None:
    key, lookup = sample.key.people, Phone()
    regions = Counter({"+852": "HK", "+853": "MO", "+886": "TW"}.get(number[:4], "CN") for number in recount.people)
    assert regions == key.by_region
    found = [lookup.find(number) for number in recount.people if number[0] == "1"]
    assert Counter(record["province"] for record in found) == {k: n for k, n in key.by_province.items() if n}


def test_carriers_as_the_phone_package_says_of_own_networks(sample: SampleManifest, recount: Recount) -> None:
    words = {"移动": "mobile", "联通": "unicom", "电信": "telecom", "广电": "broadnet"}
    resold = re.compile(r"16[257]|17[01]")
    lookup = Phone()
    mainland = [number for number in recount.people if number[0] == "1"]
    own = [number for number in mainland if not resold.match(number)]
    carriers = Counter(words[lookup.find(number)["phone_type"]] for number in own)
    assert sample.key.people.by_number_type["mvno"] == len(mainland) - len(own)
    resold_carriers = Counter(resold_carrier(number) for number in mainland if resold.match(number))
    resold_carriers["none"] = len(recount.people) - len(mainland)
    assert carriers + resold_carriers == sample.key.people.by_carrier


def resold_carrier(number: str) -> str:
    if number[:3] != "170":
        return {"165": "mobile", "167": "unicom", "171": "unicom", "162": "telecom"}[number[:3]]
    return "tttmummuuu"[int(number[3])].translate(str.maketrans({"t": "telecom", "m": "mobile", "u": "unicom"}))


def test_consent_after_merging_is_the_most_restrictive(sample: SampleManifest, recount: Recount) -> None:
    answers = {p: [ANSWERS[row["是否同意营销短信"]] for row in rows] for p, rows in recount.people.items()}
    listed = {row[0] for row in read_rows(sample.do_not_contact)[1:]}
    key = sample.key.people
    assert Counter(SEVERITY[max(codes)] for codes in answers.values()) == key.by_consent
    assert sum(len(set(codes)) > 1 for codes in answers.values()) == key.with_conflicting_consent
    assert sum(max(codes) == 0 and person not in listed for person, codes in answers.items()) == key.marketing_eligible


def test_whoever_granted_consent_has_source_time_and_purpose(recount: Recount) -> None:
    granted = [r for rows in recount.people.values() for r in rows if ANSWERS[r["是否同意营销短信"]] == 0]
    assert all(r["同意来源"] and r["同意用途"] and read_date(r["同意时间"]) < NOW.date() for r in granted)


def read_date(text: str) -> date:
    year, month, day = re.fullmatch(r"(\d{4})\D?(\d{1,2})\D?(\d{1,2})(?:日| \d\d:\d\d(?::\d\d)?)?", text).groups()
    return date(int(year), int(month), int(day))


def read_dates(rows: list[dict[str, str]], column: str) -> set[date]:
    """The dates of a person's rows; impossible ones left out."""
    found = set()
    for row in rows:
        try:
            found.add(read_date(row[column]))
        except (ValueError, AttributeError):
            continue
    return found


def test_life_stages_follow_from_the_dates(sample: SampleManifest, recount: Recount) -> None:
    stages: Counter[str] = Counter()
    for rows in recount.people.values():
        due, child = read_dates(rows, "预产期"), read_dates(rows, "宝宝生日")
        assert max(len(due), len(child)) <= 1, "the rows of a person agree"
        stages[stage_of(due, child)] += 1
    assert stages == sample.key.people.by_life_stage


def stage_of(due: set[date], child: set[date]) -> str:
    today = NOW.date()
    if child:
        born = child.pop()
        age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
        return "0-1" if age < 1 else "1-3" if age < 3 else "3-6" if age < 6 else "none"
    return "pregnant" if due and due.pop() >= today else "none"


def test_impossible_dates(sample: SampleManifest) -> None:
    header, *rows = read_rows(sample.contacts)
    for column, count in sample.key.dirt.impossible_dates.items():
        cells = [row[header.index(column)] for row in rows]
        written = [cell for cell in cells if cell and not re.fullmatch(r"\d{5}", cell)]
        assert len(written) - sum(bool(read_dates([{column: cell}], column)) for cell in written) == count > 0


def test_orders(sample: SampleManifest, recount: Recount) -> None:
    header, *rows = read_rows(sample.orders)
    members = {r["会员号"]: person for person, own in recount.people.items() for r in own if r["会员号"]}
    good: dict[str, tuple[str, Decimal]] = {}
    faults: Counter[str] = Counter()
    for row in rows:
        order = dict(zip(header, row, strict=True))
        fault = fault_of(order, good, members, recount.people)
        if fault:
            faults[fault] += 1
        else:
            person = order["手机号"] or members[order["会员号"]]
            good[order["订单号"]] = (person, Decimal(order["金额"]))
    key = sample.key.orders
    assert (len(rows), len(good), faults) == (key.rows, key.good, key.bad)
    assert sum(amount for _, amount in good.values()) == Decimal(key.revenue_cny)
    assert len({person for person, _ in good.values()}) == key.customers


def fault_of(order: dict[str, str], good: dict[str, object], members: dict[str, str], people: dict[str, object]) -> str:
    phone, member = order["手机号"], order["会员号"]
    if order["订单号"] in good:
        return "repeated_order_id"
    if not phone and not member:
        return "no_person"
    if phone and phone not in people:
        return "bad_phone"
    if member and members.get(member, "") not in ({phone} if phone else people):
        return "unknown_person"
    if not re.fullmatch(r"\d+\.\d\d", order["金额"]):
        return "bad_amount"
    return "" if is_past(order["支付时间"]) else "bad_time"


def is_past(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=NOW.tzinfo) < NOW
    except ValueError:
        return False


def test_orders_have_a_heavy_tail_and_people_differ_in_their_use_of_discounts(sample: SampleManifest) -> None:
    header, *rows = read_rows(sample.orders)
    member, discount = header.index("会员号"), header.index("优惠")
    uses: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        uses[row[member]].append(row[discount] not in ("", "0.00"))
    del uses[""]
    counts = sorted((len(used) for used in uses.values()), reverse=True)
    assert sum(counts[: len(counts) // 10]) > 0.25 * sum(counts)
    shares = [sum(used) / len(used) for used in uses.values() if len(used) >= 5]
    assert min(shares) < 0.1 and max(shares) > 0.8


def test_events_name_people_and_lie_where_their_kind_says(sample: SampleManifest, recount: Recount) -> None:
    header, *rows = read_rows(sample.events)
    kinds = Counter(row[header.index("类型")] for row in rows)
    key = sample.key.events
    assert kinds == {"预约": key["appointment"], "安装": key["installation"], "到店": key["visit"]}
    for row in rows:
        event = dict(zip(header, row, strict=True))
        assert event["手机号"] in recount.people or (not event["手机号"] and event["会员号"])
        assert is_past(event["时间"]) == (event["类型"] != "预约")
