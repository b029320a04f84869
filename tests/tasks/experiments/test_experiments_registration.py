"""What cannot be a fair test is refused by name, before anything is planned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from tasks.experiments.layers import LayerClaim, check_layer
from tasks.experiments.registration import Registration

Register = Callable[..., Registration]
MONDAY = datetime(2026, 11, 23, 10, 0, tzinfo=BUSINESS_ZONE)


def _arms(*values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "cost_cny": "0.05", **value} for name, value in zip("ABC", values, strict=False)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_fraction": 0.5}, "(?s)sample is 0.5 .*mode: full"),
        ({"sample_fraction": 0.09}, "allowed are 0.1 to 0.15"),
        ({"mode": "full"}, "sample must be 1"),
        ({"fallback_arm": "Z"}, "fallback 'Z' is not one of the variants"),
        ({"arms": _arms({})}, "at least two variants"),
        ({"arms": _arms({}, {}) + _arms({})}, "same name"),
        ({"wave_fractions": (0.2, 0.2)}, "add up to 1"),
        (
            {"arms": _arms({"offer": "八折", "call_to_action": "致电"}, {"offer": "秒杀", "call_to_action": "点链接"})},
            "differ in offer, call_to_action, .* Make offer the same",
        ),
        (
            {"arms": _arms({"offer": "八折"}, {"offer": "秒杀"})},
            "differ in offer, but the test is about call_to_action",
        ),
        (
            {"arms": _arms({"call_to_action": "致电"}, {"call_to_action": "致电"})},
            "A and B have the same call_to_action",
        ),
        ({"arms": _arms({}, {"is_click_measured": False})}, "clicks on variant B cannot be measured"),
    ],
)
def test_an_unfair_test_is_refused_by_name(changes: dict[str, Any], message: str, register: Register) -> None:
    with pytest.raises(UsageError, match=message):
        register(**changes)


def test_one_changed_variable_is_accepted_and_unmeasured_clicks_too_if_conversions_decide(register: Register) -> None:
    slots = _arms({"send_slot": "10:00"}, {"send_slot": "17:00", "is_click_measured": False})
    registration = register(arms=slots, variable="send_slot", primary_metric="converted")
    assert registration.arm_names == ("A", "B")


def test_the_row_cannot_be_changed_and_its_fingerprint_tells_any_change(register: Register) -> None:
    registration = register()
    with pytest.raises(ValidationError):
        registration.alpha = 0.2
    assert registration.fingerprint() == register().fingerprint()
    assert registration.fingerprint() != register(alpha=0.01).fingerprint()
    assert Registration.model_validate_json(registration.model_dump_json()) == registration


def test_the_full_mode_tests_everybody(register: Register) -> None:
    assert register(mode="full", sample_fraction=1.0).mode == "full"


def test_the_decision_waits_for_the_window(register: Register) -> None:
    registration = register(window_hours=48)
    assert registration.due_at(MONDAY) == MONDAY + timedelta(hours=48)
    with pytest.raises(UsageError, match="harm only"):
        registration.check_due(MONDAY, MONDAY + timedelta(hours=47, minutes=59))
    registration.check_due(MONDAY, MONDAY + timedelta(hours=48))


def _claim(experiment: str, low: float, high: float, day: int = 0, layer: str = "spring") -> LayerClaim:
    starts_at = MONDAY + timedelta(days=day)
    return LayerClaim(
        experiment_id=experiment,
        layer=layer,
        low=low,
        high=high,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(days=3),
    )


@pytest.mark.parametrize(
    "free",
    [_claim("b", 0.5, 1.0), _claim("b", 0.2, 0.6, day=3), _claim("b", 0.2, 0.6, layer="summer"), _claim("a", 0.2, 0.6)],
)
def test_disjoint_buckets_times_and_layers_exclude_each_other(free: LayerClaim) -> None:
    check_layer(free, [_claim("a", 0.0, 0.5)])


def test_an_overlapping_layer_is_refused_with_the_holder_and_its_end() -> None:
    with pytest.raises(
        UsageError, match=r"experiment b claims buckets 0.4-0.6 .* a holds 0-0.5 until 2026-11-26T10:00"
    ):
        check_layer(_claim("b", 0.4, 0.6, day=2), [_claim("a", 0.0, 0.5)])


def test_an_empty_range_or_time_is_refused() -> None:
    with pytest.raises(UsageError, match="is empty"):
        _claim("a", 0.5, 0.5)
    with pytest.raises(UsageError, match="ends before it starts"):
        LayerClaim(experiment_id="a", layer="x", low=0, high=1, starts_at=MONDAY, ends_at=MONDAY)
