"""Looking early: as often as one likes, for harm only, and rarely wrong."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tasks.experiments.decision import ArmStats, Registration
from tasks.experiments.early import describe_early_harm, find_early_harm, log_evidence

Register = Callable[..., Registration]
Observe = Callable[..., ArmStats]


def test_the_evidence_is_the_mixture_of_the_likelihood_ratios_above_the_limit() -> None:
    limit, events, sent = 0.02, 31, 900
    beta = 4 * (1 - 2 * limit) / (2 * limit)
    prior = stats.beta(4, beta)

    def weighted(rate: float) -> float:
        log_ratio = events * math.log(rate / limit) + (sent - events) * math.log((1 - rate) / (1 - limit))
        return math.exp(log_ratio) * prior.pdf(rate)

    mixture = integrate.quad(weighted, limit, 0.2, limit=200)[0] / prior.sf(limit)
    assert math.exp(float(log_evidence(events, sent, limit))) == pytest.approx(mixture, rel=1e-6)


@given(sent=st.integers(1, 400), limit=st.sampled_from([0.002, 0.005, 0.02, 0.5]))
@settings(max_examples=30, deadline=None)
def test_at_the_limit_its_expectation_is_one(sent: int, limit: float) -> None:
    x = np.arange(sent + 1)
    expected = float(np.exp(log_evidence(x, sent, limit) + stats.binom.logpmf(x, sent, limit)).sum())
    assert expected == pytest.approx(1, rel=1e-6)


def test_looking_after_every_hundred_messages_errs_less_than_its_alpha() -> None:
    rng = np.random.default_rng(7)
    events = np.cumsum(rng.binomial(100, 0.005, size=(2000, 50)), axis=1)
    ever = (log_evidence(events, 100 * np.arange(1, 51), 0.005) >= math.log(40)).any(axis=1)
    assert ever.mean() <= 0.025


def test_harm_is_found_and_named_per_arm(register: Register, observe: Observe) -> None:
    found = find_early_harm(register(), (observe("A"), observe("B", opted_out=40)))
    assert {(harm.arm, harm.metric) for harm in found} == {("B", "opted_out")}
    assert {harm.breach for harm in found} == {"above_limit", "worse_than_fallback"}
    text = describe_early_harm(found, "A")
    assert "the opt-out rate of arm B, 4% (40/1000), is above 0.5%" in text.en
    assert text.zh.startswith("提前检查发现危害，已暂停：版本 B 的退订率 4%（40/1000）超过上限 0.5%")


def test_harmless_arms_and_arms_that_have_not_left_are_let_alone(register: Register, observe: Observe) -> None:
    assert find_early_harm(register(), (observe("A", opted_out=5), observe("B", opted_out=5))) == ()
    assert find_early_harm(register(), (observe("A", 0, sent=0), observe("B", 0, sent=0))) == ()
