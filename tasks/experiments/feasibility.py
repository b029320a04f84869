"""Step 2: can the planned test answer its question? Worked out before anything is sent, with the remedies if not."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from chuda.errors import UsageError
from tasks.experiments.power import messages_per_arm, minimum_detectable_effect
from tasks.experiments.registration import SAMPLE_FRACTIONS, Metric, Registration
from tasks.experiments.wording import EVENT_NAMES, METRIC_NAMES, Text, points

FeasibilityVerdict = Literal["FEASIBLE", "UNDERPOWERED"]
Shortfall = Literal["mde_above_target", "too_few_messages", "too_few_events"]
RemedyKey = Literal["largest_sample", "two_arms", "clicks_as_primary", "full_audience", "repeat"]

_FROZEN = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BaseRates(BaseModel):
    """Rates expected without any effect, as fractions of the sent messages; None where there is no history."""

    model_config = _FROZEN

    clicked: float | None = Field(default=None, gt=0, lt=1)
    converted: float | None = Field(default=None, gt=0, lt=1)

    def of(self, metric: Metric) -> float | None:
        """The base rate of the metric."""
        return self.clicked if metric == "clicked" else self.converted


class Remedy(BaseModel):
    """One way out. `mde` is the absolute effect (fraction) then found, None where none is; `campaigns` for `repeat`."""

    model_config = _FROZEN

    key: RemedyKey
    per_arm: int
    mde: float | None
    is_enough: bool
    campaigns: int | None = None
    text: Text


class Feasibility(BaseModel):
    """What the plan shows: messages per arm, the effect that can be found (fraction), the target, what is missing."""

    model_config = _FROZEN

    verdict: FeasibilityVerdict
    shortfalls: tuple[Shortfall, ...]
    base_rate: float
    per_arm: int
    needed_per_arm: int
    mde: float | None
    target_mde: float
    expected_events: float
    remedies: tuple[Remedy, ...]
    text: Text


def assess_feasibility(registration: Registration, audience: int, base_rates: BaseRates) -> Feasibility:
    """The MDE of the registered test on `audience` people (after suppressions and holdout) against its target.

    With three or more arms the MDE is at Holm's first, strictest level. Raises UsageError where no base rate of the
    primary metric is known or the target cannot exist above it.
    """
    base = _base_rate(registration, base_rates)
    arms = len(registration.arms)
    per_arm = people_per_arm(audience, registration.sample_fraction, arms)
    shortfalls = _find_shortfalls(registration, base, per_arm, arms)
    mde = _mde(registration, base, per_arm, arms)
    verdict: FeasibilityVerdict = "UNDERPOWERED" if shortfalls else "FEASIBLE"
    return Feasibility(
        verdict=verdict,
        shortfalls=shortfalls,
        base_rate=base,
        per_arm=per_arm,
        needed_per_arm=needed_per_arm(registration, base, arms),
        mde=mde,
        target_mde=registration.target_mde,
        expected_events=per_arm * base,
        remedies=_find_remedies(registration, audience, base_rates) if shortfalls else (),
        text=_describe(registration, verdict, shortfalls, mde, per_arm),
    )


def people_per_arm(audience: int, fraction: float, arms: int) -> int:
    """The size of the smallest arm when `fraction` of the audience is dealt out evenly."""
    return math.floor(audience * fraction + 0.5) // arms


def needed_per_arm(registration: Registration, base: float, arms: int) -> int:
    """Messages per arm for the target effect and for both minimums of step 7."""
    for_target = messages_per_arm(base, base + registration.target_mde, _level(registration, arms), registration.power)
    return max(for_target, registration.minimum_sent, math.ceil(registration.minimum_events / base))


def _base_rate(registration: Registration, base_rates: BaseRates) -> float:
    metric = registration.primary_metric
    base = base_rates.of(metric)
    if base is None:
        raise UsageError(
            f"experiment {registration.experiment_id}: no expected {METRIC_NAMES[metric].en} is known, so nobody "
            "can say what the test can find. State one in the campaign file (the rate of a similar campaign)."
        )
    if base + registration.target_mde >= 1:
        raise UsageError(f"target MDE {registration.target_mde:g} above a base rate of {base:g} exceeds 100%.")
    return base


def _level(registration: Registration, arms: int) -> float:
    return registration.alpha / (arms - 1)


def _mde(registration: Registration, base: float, per_arm: int, arms: int) -> float | None:
    return minimum_detectable_effect(base, per_arm, _level(registration, arms), registration.power)


def _find_shortfalls(registration: Registration, base: float, per_arm: int, arms: int) -> tuple[Shortfall, ...]:
    mde = _mde(registration, base, per_arm, arms)
    checks: list[tuple[Shortfall, bool]] = [
        ("mde_above_target", mde is None or mde > registration.target_mde),
        ("too_few_messages", per_arm < registration.minimum_sent),
        ("too_few_events", per_arm * base < registration.minimum_events),
    ]
    return tuple(name for name, is_short in checks if is_short)


def _find_remedies(registration: Registration, audience: int, base_rates: BaseRates) -> tuple[Remedy, ...]:
    largest, arms = SAMPLE_FRACTIONS[1], len(registration.arms)
    fraction = registration.sample_fraction
    remedies = []
    if fraction < largest:
        remedies.append(_remedy("largest_sample", registration, audience, base_rates, largest, arms))
    if arms > 2:
        remedies.append(_remedy("two_arms", registration, audience, base_rates, fraction, 2))
    can_click = all(arm.is_click_measured for arm in registration.arms)
    if registration.primary_metric == "converted" and base_rates.clicked is not None and can_click:
        remedies.append(_clicks_remedy(registration, audience, base_rates))
    if registration.mode == "sample":
        remedies.append(_remedy("full_audience", registration, audience, base_rates, 1.0, 2))
    if people_per_arm(audience, fraction, arms) > 0:
        remedies.append(_remedy("repeat", registration, audience, base_rates, fraction, arms))
    return tuple(remedies)


def _remedy(
    key: RemedyKey, registration: Registration, audience: int, base_rates: BaseRates, fraction: float, arms: int
) -> Remedy:
    base = _base_rate(registration, base_rates)
    per_arm, campaigns = people_per_arm(audience, fraction, arms), None
    if key == "repeat":
        campaigns = math.ceil(needed_per_arm(registration, base, arms) / per_arm)
        per_arm *= campaigns
    mde = _mde(registration, base, per_arm, arms)
    is_enough = not _find_shortfalls(registration, base, per_arm, arms)
    text = _REMEDY_TEXTS[key]
    values = {"campaigns": campaigns, "mde": "–" if mde is None else points(mde), "fraction": f"{fraction:.0%}"}
    return Remedy(
        key=key,
        per_arm=per_arm,
        mde=mde,
        is_enough=is_enough,
        campaigns=campaigns,
        text=Text(zh=text.zh.format(**values), en=text.en.format(**values)),
    )


def _clicks_remedy(registration: Registration, audience: int, base_rates: BaseRates) -> Remedy:
    """Clicks are more frequent: the same relative effect is a larger absolute one, and easier to find."""
    relative = registration.target_mde / _base_rate(registration, base_rates)
    target = min(relative * (base_rates.clicked or 0.0), 1 - (base_rates.clicked or 0.0) - 1e-9)
    by_clicks = registration.model_copy(update={"primary_metric": "clicked", "target_mde": target})
    return _remedy(
        "clicks_as_primary", by_clicks, audience, base_rates, registration.sample_fraction, len(registration.arms)
    )


_REMEDY_TEXTS: dict[RemedyKey, Text] = {
    "largest_sample": Text(
        zh="样本提高到 {fraction}：可发现 {mde} 个百分点的差别",
        en="raise the sample to {fraction}: finds {mde} percentage points",
    ),
    "two_arms": Text(
        zh="只比较两个版本：可发现 {mde} 个百分点", en="compare two arms only: finds {mde} percentage points"
    ),
    "clicks_as_primary": Text(
        zh="改用点击为主要指标：可发现 {mde} 个百分点的点击率差别",
        en="make clicks the primary metric: finds {mde} percentage points of click rate",
    ),
    "full_audience": Text(
        zh="改为全体各半的学习测试（mode: full）：可发现 {mde} 个百分点",
        en="a 50/50 learning test on the full audience (mode: full): finds {mde} percentage points",
    ),
    "repeat": Text(
        zh="在 {campaigns} 次活动中重复同一测试后合并：可发现 {mde} 个百分点",
        en="repeat the same test over {campaigns} campaigns and pool them: finds {mde} percentage points",
    ),
}


def _describe(
    registration: Registration,
    verdict: FeasibilityVerdict,
    shortfalls: tuple[Shortfall, ...],
    mde: float | None,
    per_arm: int,
) -> Text:
    name, event = METRIC_NAMES[registration.primary_metric], EVENT_NAMES[registration.primary_metric]
    target, found = points(registration.target_mde), "–" if mde is None else points(mde)
    if verdict == "FEASIBLE":
        return Text(
            zh=f"可行：每个版本 {per_arm} 条，可发现 {found} 个百分点的{name.zh}差别（目标 {target}）。",
            en=f"Feasible: {per_arm} messages per arm find {found} percentage points of {name.en} (target {target}).",
        )
    lacking = {
        "mde_above_target": (
            f"只能发现 {found} 个百分点，目标 {target}",
            f"finds {found} percentage points, target {target}",
        ),
        "too_few_messages": (
            f"每个版本只有 {per_arm} 条，至少 {registration.minimum_sent}",
            f"{per_arm} messages per arm, {registration.minimum_sent} needed",
        ),
        "too_few_events": (
            f"预计每个版本不到 {registration.minimum_events} 次{event.zh}",
            f"fewer than {registration.minimum_events} {event.en} expected per arm",
        ),
    }
    zh, en = ("；".join(lacking[s][0] for s in shortfalls), "; ".join(lacking[s][1] for s in shortfalls))
    return Text(
        zh=f"样本不足以回答问题：{zh}。多半会得到“数据不足”。",
        en=f"Underpowered: {en}. The likely answer is “not enough data”.",
    )
