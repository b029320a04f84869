"""Step 3: who is held out, who is in the sample, and which arm they get – the same for ever for the same salts.

Order: global holdout -> mutual-exclusion layer -> stratified sample -> arm, a salt of its own for each. The SQL is in
assign_arms.sql; here are the parameters, the quotas (one row per stratum) and the bucket function in Python.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chuda.errors import UsageError
from tasks.experiments.registration import Registration

Role = Literal["holdout", "sample", "rest"]

UNKNOWN = "未知"
HOLDOUT_SALT = "chuda-holdout"
_STEPS = Path(__file__).with_name("assign_arms.sql")
_BUCKETS = 2**52


class Connection(Protocol):
    """What is needed of a DuckDB connection."""

    def execute(self, query: str, parameters: object = None, /) -> Connection:
        """Run one statement; the result is fetched from what is returned."""

    def fetchall(self) -> list[Any]:
        """All rows of the last statement."""


class AssignmentSpec(BaseModel):
    """The frozen parameters of an assignment.

    Fractions are of the audience (sample: of what remains after the holdout). `layer_low` and `layer_high` bound the
    half-open bucket range of a mutual-exclusion layer; people outside it are never sampled. Without arms nobody is
    sampled (a campaign without an experiment). Keep salts under 23 bytes: salt, `|` and a 32-character token then
    fit one SHA-256 block, which halves the time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_salt: str = Field(min_length=1)
    arm_salt: str = Field(min_length=1)
    holdout_salt: str = Field(default=HOLDOUT_SALT, min_length=1)
    layer_salt: str = Field(default="chuda-layer", min_length=1)
    holdout_fraction: float = Field(ge=0, lt=1)
    sample_fraction: float = Field(ge=0, le=1)
    arms: tuple[str, ...]
    mode: Literal["sample", "full"] = "sample"
    layer_low: float = Field(default=0.0, ge=0, lt=1)
    layer_high: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        salts = (self.holdout_salt, self.layer_salt, self.sample_salt, self.arm_salt)
        if len(set(salts)) < len(salts):
            raise UsageError(
                "holdout, layer, sample and arm need four different salts, or their draws depend on each other."
            )
        if not self.layer_low < self.layer_high:
            raise UsageError(f"the layer's bucket range {self.layer_low:g}-{self.layer_high:g} is empty.")
        if len(set(self.arms)) < len(self.arms):
            raise UsageError(f"two arms have the same name: {', '.join(self.arms)}.")
        return self

    @classmethod
    def for_experiment(cls, registration: Registration, holdout_in_force: float = 0.0) -> Self:
        """The parameters that follow from a registration; the salts come from its id.

        `holdout_in_force` is the share that other campaigns hold out at the time; the larger share holds.
        """
        key = hashlib.sha256(registration.experiment_id.encode()).hexdigest()[:16]
        return cls(
            sample_salt=f"{key}:s",
            arm_salt=f"{key}:a",
            holdout_fraction=max(registration.holdout_fraction, holdout_in_force),
            sample_fraction=registration.sample_fraction,
            arms=registration.arm_names,
            mode=registration.mode,
            layer_salt=f"{hashlib.sha256(registration.layer.encode()).hexdigest()[:16]}:l",
            layer_low=registration.layer_low,
            layer_high=registration.layer_high,
        )


@dataclass(frozen=True, slots=True)
class AssignmentSummary:
    """People by role and by arm (in the given order); the roles add up to the eligible."""

    eligible: int
    holdout: int
    sample: int
    rest: int
    by_arm: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Stratum:
    name: str
    people: int
    pool: int


def bucket(salt: str, identity: str) -> float:
    """The bucket in [0, 1) of an identity under a salt: 13 hex digits of SHA-256 of `salt|identity`, over 2^52.

    The same number comes out of assign_arms.sql; it depends on no library's hash function.
    """
    return int(hashlib.sha256(f"{salt}|{identity}".encode()).hexdigest()[:13], 16) / _BUCKETS


def share_out(total: int, sizes: Sequence[int]) -> list[int]:
    """Largest-remainder quotas: whole numbers that add up to `total`, each within one of its exact share.

    Ties go to the earlier one. `total` must not exceed the sum of sizes; no quota exceeds its size.
    """
    whole = sum(sizes)
    if total == 0:
        return [0] * len(sizes)
    quotas = [size * total // whole for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda i: -(sizes[i] * total % whole))
    for index in by_remainder[: total - sum(quotas)]:
        quotas[index] += 1
    return quotas


def assign(connection: Connection, spec: AssignmentSpec, reach_deviations: float = 6.0) -> AssignmentSummary:
    """Create TEMP table `audience_assigned(token, role, arm, stratum, u)` from `audience_eligible`, one row per person.

    audience_eligible(token, segment, province) holds each person once; NULL segments and provinces form strata of
    their own. role: 'holdout' | 'sample' | 'rest'; arm: NULL outside the sample; u: bucket under the sample salt.
    In mode `full` everybody but the holdout is in the sample. `reach_deviations` sets how generous the first cut point
    of a stratum is, in standard deviations: a matter of speed, it never changes the outcome. Raises UsageError if the
    layer's range is too narrow for the sample.
    """
    steps = _read_steps()
    keys = connection.execute(steps["list_strata"], {"unknown": UNKNOWN}).fetchall()
    connection.execute(steps["bucket"], _bucket_parameters(spec, keys))
    counts = connection.execute(steps["count_strata"]).fetchall()
    strata = [_Stratum("|".join(keys[index]), people, pool) for index, people, pool in counts]
    quotas = share_out(_sample_size(spec, strata), [stratum.pool for stratum in strata])
    reaches = [_reach(quota, stratum.pool, reach_deviations) for quota, stratum in zip(quotas, strata, strict=True)]
    _draw(connection, steps, spec, strata, quotas, reaches)
    connection.execute(steps["assign"])
    assigned = connection.execute(steps["summarise"]).fetchall()
    connection.execute(steps["clean_up"])
    return _summarise(spec, assigned)


def _draw(
    connection: Connection,
    steps: Mapping[str, str],
    spec: AssignmentSpec,
    strata: list[_Stratum],
    quotas: list[int],
    reaches: list[float],
) -> None:
    """Fill the quotas. Ranking everybody is slow, so only those below a generous cut point are ranked at first.

    Should a cut point miss, everybody is ranked instead, and the outcome is the same.
    """
    for attempt in (reaches, [1.0] * len(strata)):
        connection.execute(steps["quotas"], _quota_parameters(strata, quotas, attempt, len(spec.arms)))
        connection.execute(steps["sample"], {"arm_salt": spec.arm_salt, "arms": list(spec.arms)})
        drawn = connection.execute("select count(*) from assign_sample").fetchall()[0][0]
        if drawn == sum(quotas):
            return


def _reach(quota: int, pool: int, deviations: float) -> float:
    return min(1.0, (quota + deviations * math.sqrt(quota) + 20) / pool) if quota else 0.0


def _sample_size(spec: AssignmentSpec, strata: Sequence[_Stratum]) -> int:
    """The exact size of the sample: the fraction of all but the holdout, rounded half up."""
    people, pool = sum(stratum.people for stratum in strata), sum(stratum.pool for stratum in strata)
    if not spec.arms:
        return 0
    if spec.mode == "full":
        return pool
    # Through the decimal form: 0.15 as a binary fraction is a little less than 15%.
    total = math.floor(Fraction(str(spec.sample_fraction)) * people + Fraction(1, 2))
    if total > pool:
        raise UsageError(
            f"the sample needs {total} people, but only {pool} of {people} are in the layer's bucket range "
            f"{spec.layer_low:g}-{spec.layer_high:g}: give the experiment a wider range."
        )
    return total


def _bucket_parameters(spec: AssignmentSpec, keys: Sequence[tuple[str, str]]) -> dict[str, object]:
    return {
        "unknown": UNKNOWN,
        "segments": [segment for segment, _ in keys],
        "provinces": [province for _, province in keys],
        "ids": list(range(len(keys))),
        "has_holdout": spec.holdout_fraction > 0,
        "holdout_salt": spec.holdout_salt,
        "holdout_digits": _first_digits_from(spec.holdout_fraction),
        "has_layer": (spec.layer_low, spec.layer_high) != (0.0, 1.0),
        "layer_salt": spec.layer_salt,
        "layer_first": _first_digits_from(spec.layer_low),
        "layer_last": f"{math.ceil(Fraction(spec.layer_high) * _BUCKETS) - 1:013x}",
        "sample_salt": spec.sample_salt,
    }


def _first_digits_from(fraction: float) -> str:
    """The 13 hex digits of the first bucket not below `fraction` (which is below 1), exactly."""
    return f"{math.ceil(Fraction(fraction) * _BUCKETS):013x}"


def _quota_parameters(
    strata: Sequence[_Stratum], quotas: Sequence[int], reaches: Sequence[float], arms: int
) -> dict[str, object]:
    """The rows of assign_strata. Each stratum goes on dealing where the one before it stopped.

    That varies the starting arm and keeps the arms within one person of each other in every stratum and overall.
    """
    dealt_before = [sum(quotas[:index]) for index in range(len(quotas))]
    return {
        "ids": list(range(len(strata))),
        "strata": [stratum.name for stratum in strata],
        "quotas": list(quotas),
        "starts": [before % max(arms, 1) for before in dealt_before],
        "reaches": list(reaches),
    }


def _summarise(spec: AssignmentSpec, counts: Sequence[tuple[str, str | None, int]]) -> AssignmentSummary:
    by_role = {role: sum(n for r, _, n in counts if r == role) for role in ("holdout", "sample", "rest")}
    by_arm = {arm: n for _, arm, n in counts if arm is not None}
    return AssignmentSummary(
        eligible=sum(by_role.values()),
        holdout=by_role["holdout"],
        sample=by_role["sample"],
        rest=by_role["rest"],
        by_arm=tuple((arm, by_arm.get(arm, 0)) for arm in spec.arms),
    )


def _read_steps() -> dict[str, str]:
    _, *parts = _STEPS.read_text(encoding="utf-8").split("-- step: ")
    return {name.strip(): statement for name, _, statement in (part.partition("\n") for part in parts)}
