"""Assignment: the same for ever, balanced within one person per stratum, everybody in exactly one role."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chuda.errors import UsageError
from tasks.experiments.assignment import AssignmentSpec, AssignmentSummary, assign, bucket, share_out
from tasks.experiments.registration import Registration

Person = tuple[str, str | None, str | None]
Row = tuple[str, str, str | None, str, float]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def _spec(**changes: object) -> AssignmentSpec:
    row: dict[str, object] = {
        "sample_salt": "spring:s",
        "arm_salt": "spring:a",
        "holdout_fraction": 0.05,
        "sample_fraction": 0.1,
        "arms": ("A", "B"),
    }
    return AssignmentSpec.model_validate(row | changes)


def _people(count: int, seed: int = 7) -> list[Person]:
    rng = random.Random(seed)
    segments, provinces = ["老客", "新客", "母婴", None], ["广东", "上海", None]
    return [(f"{i:032x}", rng.choice(segments), rng.choice(provinces)) for i in range(count)]


def _assign(
    connection: duckdb.DuckDBPyConnection, people: list[Person], spec: AssignmentSpec
) -> tuple[AssignmentSummary, list[Row]]:
    connection.execute("create or replace table audience_eligible (token varchar, segment varchar, province varchar)")
    if people:
        connection.execute(
            "insert into audience_eligible select unnest($tokens), unnest($segments), unnest($provinces)",
            dict(zip(("tokens", "segments", "provinces"), map(list, zip(*people, strict=True)), strict=True)),
        )
    summary = assign(connection, spec)
    rows = connection.execute("select token, role, arm, stratum, u from audience_assigned order by token").fetchall()
    return summary, rows


def test_the_bucket_is_the_published_number_in_python_and_in_duckdb(connection: duckdb.DuckDBPyConnection) -> None:
    assert bucket("测试", "用户1") == 0.20240163065140981  # experiments.md
    _, rows = _assign(connection, _people(300), _spec())
    assert all(u == bucket("spring:s", token) for token, _, _, _, u in rows)


def test_holdout_layer_and_sample_are_those_of_the_bucket_function(connection: duckdb.DuckDBPyConnection) -> None:
    people = _people(4000)
    summary, rows = _assign(connection, people, _spec(layer_low=0.25, layer_high=0.75))
    held = {token for token, _, _ in people if bucket("chuda-holdout", token) < 0.05}
    assert {token for token, role, *_ in rows if role == "holdout"} == held
    sample = {token for token, role, *_ in rows if role == "sample"}
    assert all(0.25 <= bucket("chuda-layer", token) < 0.75 for token in sample)
    assert summary.sample == len(sample) == round(0.1 * (4000 - len(held)))


def _assign_by_hand(people: list[Person], spec: AssignmentSpec) -> dict[str, str | None]:
    """The method again, person by person in plain Python: the arm of everybody in the sample."""
    strata: dict[tuple[str, str], list[str]] = defaultdict(list)
    for token, segment, province in people:
        if bucket(spec.holdout_salt, token) >= spec.holdout_fraction:
            strata[segment or "未知", province or "未知"].append(token)
    total = int(spec.sample_fraction * sum(map(len, strata.values())) + 0.5)
    keys = sorted(strata)
    arms, turn = {}, 0
    for key, quota in zip(keys, share_out(total, [len(strata[key]) for key in keys]), strict=True):
        drawn = sorted(strata[key], key=lambda token: bucket(spec.sample_salt, token))[:quota]
        for token in sorted(drawn, key=lambda token: bucket(spec.arm_salt, token)):
            arms[token] = spec.arms[turn % len(spec.arms)]
            turn += 1
    return arms


def test_duckdb_assigns_as_the_method_done_by_hand(connection: duckdb.DuckDBPyConnection) -> None:
    people, spec = _people(3000), _spec(arms=("A", "B", "C"), sample_fraction=0.15)
    _, rows = _assign(connection, people, spec)
    assert {token: arm for token, role, arm, *_ in rows if role == "sample"} == _assign_by_hand(people, spec)


def test_the_sample_is_the_lowest_buckets_of_each_stratum(connection: duckdb.DuckDBPyConnection) -> None:
    _, rows = _assign(connection, _people(3000), _spec())
    by_stratum: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _, role, _, stratum, u in rows:
        by_stratum[stratum][role].append(u)
    assert len(by_stratum) == 12
    assert "未知|未知" in by_stratum
    for roles in by_stratum.values():
        assert max(roles["sample"]) < min(roles["rest"])


@given(
    st.integers(0, 400),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.05, 0.3]),
    st.sampled_from([("sample", 0.1), ("sample", 0.15), ("full", 1.0)]),
    st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_everybody_has_one_role_and_arms_balance_within_one_person(
    connection: duckdb.DuckDBPyConnection, count: int, arms: int, holdout: float, mode: tuple[str, float], seed: int
) -> None:
    names = tuple("ABCD"[:arms])
    people = _people(count, seed)
    spec = _spec(arms=names, holdout_fraction=holdout, mode=mode[0], sample_fraction=mode[1])
    summary, rows = _assign(connection, people, spec)
    assert [row[0] for row in rows] == sorted(token for token, _, _ in people)
    assert summary.eligible == count == summary.holdout + summary.sample + summary.rest
    assert sum(size for _, size in summary.by_arm) == summary.sample
    assert all((arm is not None) is (role == "sample") for _, role, arm, _, _ in rows)
    if mode[0] == "full":
        assert summary.rest == 0
    dealt: dict[str, Counter[str]] = defaultdict(Counter)
    for _, role, arm, stratum, _ in rows:
        if role == "sample" and arm is not None:
            dealt[stratum][arm] += 1
    for counts in [*dealt.values(), Counter(dict(summary.by_arm))]:
        sizes = [counts[name] for name in names]
        assert max(sizes) - min(sizes) <= 1


@given(st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None)
def test_the_order_of_the_rows_does_not_matter(connection: duckdb.DuckDBPyConnection, rng: random.Random) -> None:
    people = _people(800)
    first = _assign(connection, people, _spec(arms=("A", "B", "C")))
    rng.shuffle(people)
    assert _assign(connection, people, _spec(arms=("A", "B", "C"))) == first


def test_the_holdout_is_the_same_in_every_campaign_and_the_sample_is_not(connection: duckdb.DuckDBPyConnection) -> None:
    people = _people(4000)
    _, one = _assign(connection, people, _spec())
    _, other = _assign(connection, people, _spec(sample_salt="autumn:s", arm_salt="autumn:a"))

    def of(rows: list[Row], role: str) -> set[str]:
        return {row[0] for row in rows if row[1] == role}

    assert of(one, "holdout") == of(other, "holdout")
    both = len(of(one, "sample") & of(other, "sample"))
    assert both < 0.25 * len(of(one, "sample"))


def test_the_starting_arm_varies_so_that_small_strata_do_not_favour_the_first(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    people: list[Person] = [(f"{i:032x}", f"s{i // 10}", "广东") for i in range(1000)]
    summary, _ = _assign(connection, people, _spec(holdout_fraction=0, arms=("A", "B", "C")))
    assert summary.by_arm == (("A", 34), ("B", 33), ("C", 33))


@pytest.mark.parametrize("deviations", [-8.0, 0.0, 1000.0])
def test_where_the_first_cut_point_lies_changes_nothing(
    connection: duckdb.DuckDBPyConnection, deviations: float
) -> None:
    expected = _assign(connection, _people(9000), _spec())
    assign(connection, _spec(), deviations)
    assert connection.execute("select * from audience_assigned order by token").fetchall() == expected[1]


def test_without_arms_only_the_holdout_is_drawn(connection: duckdb.DuckDBPyConnection) -> None:
    summary, _ = _assign(connection, _people(1000), _spec(arms=()))
    assert (summary.sample, summary.holdout + summary.rest) == (0, 1000)


def test_a_layer_too_narrow_for_the_sample_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(UsageError, match="give the experiment a wider range"):
        _assign(connection, _people(1000), _spec(layer_low=0.0, layer_high=0.05))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arm_salt": "spring:s"}, "four different salts"),
        ({"layer_low": 0.5, "layer_high": 0.5}, "is empty"),
        ({"arms": ("A", "A")}, "same name"),
    ],
)
def test_unsound_parameters_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _spec(**changes)


def test_a_registration_gives_its_own_salts(register: Callable[..., Registration]) -> None:
    one = AssignmentSpec.for_experiment(register())
    other = AssignmentSpec.for_experiment(register(experiment_id="autumn"))
    assert one == AssignmentSpec.for_experiment(register())
    assert one.sample_salt != other.sample_salt
    assert one.holdout_salt == other.holdout_salt
    assert (one.arms, one.sample_fraction, one.holdout_fraction) == (("A", "B"), 0.1, 0.05)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_quotas_add_up_and_stay_within_one_of_their_share(sizes: list[int], percent: int) -> None:
    total = sum(sizes) * percent // 100
    quotas = share_out(total, sizes)
    assert sum(quotas) == total
    for quota, size in zip(quotas, sizes, strict=True):
        assert 0 <= quota <= size
        assert abs(quota - size * total / max(sum(sizes), 1)) < 1


def test_quotas_go_to_the_largest_remainders() -> None:
    # Hamilton's method, Wikipedia "Largest remainder method": 100,000 votes, 10 seats.
    assert share_out(10, [47_000, 16_000, 15_800, 12_000, 6_100, 3_100]) == [5, 2, 1, 1, 1, 0]
