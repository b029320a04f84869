"""Does the method err as rarely as it says? Audiences with known effects, and exact sums where no dice are needed.

`python -m benchmarks.calibrate` prints every table of docs/statistics.md; `--quick` is the short form of the tests.
Two-arm figures are exact: the probabilities of all outcomes that matter (up to 8 standard deviations) are added up.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
from scipy import stats

from tasks.experiments.assignment import AssignmentSpec, assign
from tasks.experiments.decision import decide
from tasks.experiments.early import log_evidence
from tasks.experiments.evidence import ArmStats
from tasks.experiments.guardrails import METRICS
from tasks.experiments.intervals import Floats, lift_bounds, newcombe_bounds, normal_quantile, wilson_bounds
from tasks.experiments.power import minimum_detectable_effect
from tasks.experiments.registration import Arm, GuardrailLimits, Registration
from tasks.experiments.significance import p_at_least, p_worse, pooled_z

RATES = (0.005, 0.05, 0.25)
SIZES = (500, 1000, 2000, 5000, 10_000, 20_000)
ALPHA = 0.05
MINIMUM_SENT, MINIMUM_EVENTS = 500, 150
LOOKS = 10
ENOUGH_EVENTS = 10
NOMINAL = (0.94, 0.96)

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Table:
    """One printed table; fractions are shown as percentages with two decimals."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[Cell, ...]]

    def __str__(self) -> str:
        lines = [[_show(cell) for cell in row] for row in [self.header, *self.rows]]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        shown = ["| " + " | ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
        rule = "| " + " | ".join("-" * (w - 1) + ":" for w in widths) + " |"
        return "\n".join([self.title, "", shown[0], rule, *shown[1:], ""])


@dataclass(frozen=True, slots=True)
class Outcomes:
    """All likely outcomes of a two-arm test as a grid, with their probabilities."""

    events_b: npt.NDArray[np.int64]
    events_a: npt.NDArray[np.int64]
    weights: Floats
    sent_b: int
    sent_a: int

    @property
    def counts(self) -> tuple[npt.NDArray[np.int64], int, npt.NDArray[np.int64], int]:
        return self.events_b, self.sent_b, self.events_a, self.sent_a

    def chance(self, happens: npt.NDArray[np.bool_]) -> float:
        """The probability that `happens` is true."""
        return float(self.weights[happens].sum())


@dataclass(frozen=True, slots=True)
class Audience:
    """People of one arm and what they truly do: rates are fractions of the sent messages."""

    name: str
    click_rate: float
    opt_out_rate: float = 0.002
    complaint_rate: float = 0.0001
    undelivered_rate: float = 0.01


def outcomes(rate_b: float, rate_a: float, sent_b: int, sent_a: int) -> Outcomes:
    """The outcome grid of two arms with known rates."""
    x_b, w_b = _likely(rate_b, sent_b)
    x_a, w_a = _likely(rate_a, sent_a)
    grid_b, grid_a = np.meshgrid(x_b, x_a, indexing="ij")
    return Outcomes(grid_b, grid_a, np.outer(w_b, w_a), sent_b, sent_a)


def is_winner(known: Outcomes) -> npt.NDArray[np.bool_]:
    """Where the rule of step 8 names a winner (two arms, the variable is not an offer), before the minimums."""
    low, high = newcombe_bounds(*known.counts)
    lift_low, lift_high = lift_bounds(*known.counts)
    is_agreed = ((low > 0) & (lift_low > 0)) | ((high < 0) & (lift_high < 0))
    return (pooled_z(*known.counts)[1] < ALPHA) & is_agreed


def has_minimum(known: Outcomes) -> npt.NDArray[np.bool_]:
    """Where step 7 is passed."""
    enough_sent = min(known.sent_a, known.sent_b) >= MINIMUM_SENT
    return enough_sent & (np.maximum(known.events_a, known.events_b) >= MINIMUM_EVENTS)


def measure_coverage(rates: Sequence[float], sizes: Sequence[int]) -> Table:
    """How often each 95% interval holds the truth, without an effect and with a lift of 20%. Exact."""
    rows: list[tuple[Cell, ...]] = []
    for rate in rates:
        for sent in sizes:
            x, weights = _likely(rate, sent)
            low, high = wilson_bounds(x, sent)
            wilson = float(weights[(low <= rate) & (rate <= high)].sum())
            cells = [wilson, *(c for lift in (0.0, 0.2) for c in _coverage(rate * (1 + lift), rate, sent, sent))]
            rows.append((rate, sent, f"{rate * sent:g}", *cells, _remark(rate * sent, cells)))
    header = ("rate", "per arm", "events", "Wilson", "Newcombe", "lift", "Newcombe +20%", "lift +20%", "outside 94-96%")
    return Table("Coverage of the 95% intervals (exact)", header, rows)


def measure_unequal_coverage(rates: Sequence[float]) -> Table:
    """Coverage where the arms differ in size as a holdout and an audience do. Exact."""
    rows: list[tuple[Cell, ...]] = []
    for rate in rates:
        for sent_b, sent_a in ((20_000, 500), (20_000, 2000)):
            cells = [c for lift in (0.0, 0.2) for c in _coverage(rate * (1 + lift), rate, sent_b, sent_a)]
            rows.append((rate, sent_b, sent_a, *cells))
    header = ("rate", "B", "A", "Newcombe", "lift", "Newcombe +20%", "lift +20%")
    return Table("Coverage with unequal arms (exact)", header, rows)


def measure_false_winners(rates: Sequence[float], sizes: Sequence[int]) -> Table:
    """A/A: how often two equal arms get a winner. Exact."""
    rows: list[tuple[Cell, ...]] = []
    for rate in rates:
        for sent in sizes:
            known = outcomes(rate, rate, sent, sent)
            z_alone, wins = pooled_z(*known.counts)[1] < ALPHA, is_winner(known)
            after = known.chance(wins & has_minimum(known))
            rows.append((rate, sent, known.chance(z_alone), known.chance(wins), after, _linear_delta_errs(known)))
    header = ("rate", "per arm", "z alone", "before minimum", "after minimum", "linear delta CI")
    return Table("False winners between equal arms (exact)", header, rows)


def measure_power(bases: Sequence[float], sizes: Sequence[int]) -> Table:
    """The chance to find the effect that `feasibility` promises to find with 80%, and how winners exaggerate. Exact."""
    rows: list[tuple[Cell, ...]] = []
    for base in bases:
        for sent in sizes:
            mde = minimum_detectable_effect(base, sent)
            if mde is None:
                continue
            for share in (0.5, 1.0):
                rows.append((base, sent, mde * share, *_found(base, mde * share, sent)))
    header = ("base rate", "per arm", "true effect", "found", "after minimum", "wrong arm", "effect shown / true")
    return Table("Power, and the winner's curse (exact)", header, rows)


def measure_peeking(rng: np.random.Generator, repeats: int, rate: float = 0.25, sent: int = 5000) -> Table:
    """How often an A/A test is called at any of ten looks at p < .05, and for harm at alpha / looks. Simulated."""
    at = np.linspace(sent / LOOKS, sent, LOOKS).astype(int)
    b, a = (rng.binomial(sent // LOOKS, rate, size=(repeats, LOOKS)).cumsum(axis=1) for _ in range(2))
    p_values = pooled_z(b, at, a, at)[1]
    limits = GuardrailLimits()
    bad = rng.binomial(sent // LOOKS, limits.opted_out, size=(repeats, LOOKS)).cumsum(axis=1)
    p_above = p_at_least(bad, at, limits.opted_out)
    rows: list[tuple[Cell, ...]] = [
        ("winner, one look at the end", float((p_values[:, -1] < ALPHA).mean())),
        ("winner, ten looks at p < .05", float((p_values < ALPHA).any(axis=1).mean())),
        ("harm at the limit, ten looks at .025", float((p_above < limits.alpha_limit).any(axis=1).mean())),
        ("harm at the limit, ten looks at .025 / 10", float((p_above < limits.alpha_limit / LOOKS).any(axis=1).mean())),
    ]
    return Table(f"Looking early ({repeats} simulated tests)", ("rule", "errs"), rows)


def measure_early_looks(rng: np.random.Generator, repeats: int, every: int = 100, looks: int = 50) -> Table:
    """Looks for harm after every hundred messages: false stops at the limit, and how soon real harm is found."""
    limits, at = GuardrailLimits(), every * np.arange(1, looks + 1)
    rows: list[tuple[Cell, ...]] = []
    for metric in METRICS:
        limit = float(getattr(limits, metric))
        cells: list[Cell] = [metric, limit]
        for factor, until in ((1, looks), (2, 15), (3, 15)):
            bad = rng.binomial(every, limit * factor, size=(repeats, looks)).cumsum(axis=1)[:, :until]
            found = log_evidence(bad, at[:until], limit) >= -np.log(limits.alpha_limit)
            shared = p_at_least(bad, at[:until], limit) < limits.alpha_limit / looks
            cells += [float(found.any(axis=1).mean()), float(shared.any(axis=1).mean())]
        rows.append(tuple(cells))
    header = ("guardrail", "limit", "at the limit, ever", "(shared alpha)", "2 x limit by 1,500", "(shared alpha)",
              "3 x limit by 1,500", "(shared alpha)")  # fmt: skip
    return Table(f"Looking for harm {looks} times, every {every} messages ({repeats} simulated tests)", header, rows)


def measure_guardrails(sizes: Sequence[int]) -> Table:
    """How often a guardrail stops an arm whose true rate is the limit, half of it or twice it. Exact."""
    limits = GuardrailLimits()
    rows: list[tuple[Cell, ...]] = []
    for metric in METRICS:
        limit = float(getattr(limits, metric))
        for sent in sizes:
            stops = [_stop_chance(limit, limit * factor, sent, limits.alpha_limit) for factor in (0.5, 1.0, 2.0)]
            known = outcomes(limit / 2, limit / 2, sent, sent)
            worse = known.chance(p_worse(*known.counts) < limits.alpha_worse)
            rows.append((metric, limit, sent, *stops, worse))
    header = ("guardrail", "limit", "per arm", "true = limit / 2", "true = limit", "true = 2 x limit", "A/A worse")
    return Table("Stops by a guardrail (exact)", header, rows)


def measure_margins(rng: np.random.Generator, repeats: int, rates: Sequence[float], sizes: Sequence[int]) -> Table:
    """Coverage of Welch's interval for margin per message: few buyers with log-normal margins. Simulated."""
    rows: list[tuple[Cell, ...]] = []
    for rate in rates:
        for sent in sizes:
            cells = [_margin_coverage(rng, repeats, rate * (1 + lift), rate, sent) for lift in (0.0, 0.2)]
            rows.append((rate, sent, f"{rate * sent:g}", *cells))
    header = ("buyers", "per arm", "expected", "no effect", "lift 20%")
    return Table(f"Coverage of Welch's interval of the margin ({repeats} simulated tests)", header, rows)


def measure_decisions(rng: np.random.Generator, repeats: int, per_arm: int = 1500) -> Table:
    """Verdicts of `decide` itself on simulated audiences. The incumbent is A; `wrong` counts winners that are not."""
    cases: list[tuple[str, tuple[float, ...]]] = [
        ("A/A, 2 arms", (0.25, 0.25)),
        ("A/A, 3 arms", (0.25, 0.25, 0.25)),
        ("A/A, 4 arms", (0.25, 0.25, 0.25, 0.25)),
        ("B + 5 points", (0.25, 0.30)),
        ("C + 5 points, 3 arms", (0.25, 0.25, 0.30)),
        ("conversion 3% each", (0.03, 0.03)),
    ]
    rows = [_verdict_shares(rng, repeats, per_arm, name, rates) for name, rates in cases]
    header = ("case", "WINNER", "wrong", "STOP", "INVALID", "NOT ENOUGH", "EQUIVALENT", "INCONCLUSIVE")
    return Table(f"Verdicts of the whole rule, {per_arm} per arm ({repeats} simulated tests each)", header, rows)


def measure_balance(people: int) -> Table:
    """The largest difference between arms, within a stratum and overall, of a real assignment in DuckDB."""
    connection = duckdb.connect()
    connection.execute(
        "create table audience_eligible as select md5(i::varchar) as token, 's' || (i % 12) as segment, "
        f"'p' || ((i * 7919) % 31) as province from range({people}) as t(i)"
    )
    rows: list[tuple[Cell, ...]] = []
    for arms in (("A", "B"), ("A", "B", "C")):
        spec = AssignmentSpec(
            sample_salt="calibrate:s", arm_salt="calibrate:a", holdout_fraction=0.05, sample_fraction=0.1, arms=arms
        )
        summary = assign(connection, spec)
        sizes = [size for _, size in summary.by_arm]
        rows.append((len(arms), summary.sample, _spread_within(connection, arms), max(sizes) - min(sizes)))
    header = ("arms", "sample", "largest spread in a stratum", "spread overall")
    return Table(f"Balance of the assignment of {people} people over 372 strata", header, rows)


def run(quick: bool, seed: int) -> list[Table]:
    """All tables; `quick` takes fewer sizes and repeats (seconds instead of a minute)."""
    rng = np.random.default_rng(seed)
    sizes = (500, 2000) if quick else SIZES
    some = (1000,) if quick else (500, 1000, 5000)
    many, few = (2000, 40) if quick else (100_000, 2000)
    return [
        measure_false_winners((*RATES, 0.5), sizes),
        measure_power((0.05, 0.25), some),
        measure_coverage(RATES, sizes),
        measure_unequal_coverage(RATES[1:] if quick else RATES),
        measure_margins(rng, many // 20, RATES, (500,) if quick else (500, 2000, 20_000)),
        measure_peeking(rng, many),
        measure_guardrails(some),
        measure_decisions(rng, few),
        measure_balance(20_000 if quick else 200_000),
        measure_early_looks(np.random.default_rng(seed), many // 10),
    ]


def main(arguments: Sequence[str] | None = None, say: Callable[[str], None] = print) -> None:
    """Print the tables and the CPU seconds they took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats: seconds")
    parser.add_argument("--seed", type=int, default=20261122, help="of the simulated parts")
    options = parser.parse_args(arguments)
    started = time.process_time()
    for table in run(options.quick, options.seed):
        say(str(table))
    say(f"{time.process_time() - started:.0f} s of CPU, seed {options.seed}")


def _likely(rate: float, sent: int) -> tuple[npt.NDArray[np.int64], Floats]:
    spread = 8 * np.sqrt(sent * rate * (1 - rate)) + 10
    x = np.arange(max(0, int(sent * rate - spread)), min(sent, int(sent * rate + spread)) + 1)
    return x, np.asarray(stats.binom.pmf(x, sent, rate))  # type: ignore[attr-defined]


def _coverage(rate_b: float, rate_a: float, sent_b: int, sent_a: int) -> tuple[float, float]:
    """Coverage of the Newcombe and the lift interval."""
    known = outcomes(rate_b, rate_a, sent_b, sent_a)
    held = []
    for bounds, truth in ((newcombe_bounds, rate_b - rate_a), (lift_bounds, rate_b / rate_a - 1)):
        low, high = bounds(*known.counts)
        held.append(known.chance((low <= truth) & (truth <= high)))
    return held[0], held[1]


def _remark(events: float, cells: Sequence[float]) -> str:
    names = ("Wilson", "Newcombe", "lift", "Newcombe +20%", "lift +20%")
    low, high = NOMINAL
    outside = [name for name, cell in zip(names, cells, strict=True) if not low <= cell <= high]
    if events < ENOUGH_EVENTS:
        return "(few events)"
    return ", ".join(outside)


def _linear_delta_errs(known: Outcomes) -> float:
    """How often the *linear* delta interval of the relative lift excludes 0: why it is not used."""
    x_b, x_a = known.events_b.astype(float), np.maximum(known.events_a.astype(float), 0.5)
    rate_b, rate_a = x_b / known.sent_b, x_a / known.sent_a
    ratio = rate_b / rate_a
    variance = rate_b * (1 - rate_b) / known.sent_b / rate_a**2 + ratio**2 * (1 - rate_a) / rate_a / known.sent_a
    return known.chance(np.abs(ratio - 1) > normal_quantile(ALPHA) * np.sqrt(variance))


def _found(base: float, effect: float, sent: int) -> tuple[float, float, float, float]:
    known = outcomes(base + effect, base, sent, sent)
    wins, shown = is_winner(known), known.events_b / sent - known.events_a / sent
    right = wins & (shown > 0)
    found = known.chance(right)
    exaggeration = float((known.weights * shown)[right].sum()) / found / effect
    return found, known.chance(right & has_minimum(known)), known.chance(wins & ~right), round(exaggeration, 2)


def _stop_chance(limit: float, true_rate: float, sent: int, alpha: float) -> float:
    x, weights = _likely(true_rate, sent)
    return float(weights[p_at_least(x, sent, limit) < alpha].sum())


def _margin_coverage(rng: np.random.Generator, repeats: int, rate_b: float, rate_a: float, sent: int) -> float:
    """Log-normal margins, mean 30 CNY: the interval holds the truth where a t-test against it is not significant."""
    sigma = 1.0
    mu = np.log(30) - sigma**2 / 2
    means, deviations = [], []
    for rate in (rate_b, rate_a):
        buyers = rng.binomial(sent, rate, size=repeats)
        margins = rng.lognormal(mu, sigma, size=int(buyers.sum()))
        owner = np.repeat(np.arange(repeats), buyers)
        total, squares = (np.bincount(owner, margins**power, repeats) for power in (1, 2))
        means.append(total / sent)
        deviations.append(np.sqrt((squares - total**2 / sent) / (sent - 1)))
    truth = 30 * (rate_b - rate_a)
    with np.errstate(all="ignore"):
        t = stats.ttest_ind_from_stats(
            means[0] - truth, deviations[0], sent, means[1], deviations[1], sent, equal_var=False
        )
    # Nobody bought anything in either arm: the interval is [0, 0].
    nobody = (deviations[0] == 0) & (deviations[1] == 0)
    return float(np.where(nobody, truth == 0, t.pvalue >= ALPHA).mean())


def _verdict_shares(
    rng: np.random.Generator, repeats: int, per_arm: int, name: str, rates: tuple[float, ...]
) -> tuple[Cell, ...]:
    registration = _register(tuple("ABCD"[: len(rates)]))
    audiences = [Audience(arm, rate) for arm, rate in zip(registration.arm_names, rates, strict=True)]
    best = registration.arm_names[rates.index(max(rates))] if len(set(rates)) > 1 else None
    seen: Counter[str] = Counter()
    for _ in range(repeats):
        decision = decide(registration, [_observe(rng, audience, per_arm) for audience in audiences])
        seen[decision.verdict] += 1
        seen["wrong"] += decision.winner is not None and decision.winner != best
    verdicts = ("WINNER", "wrong", "STOP", "INVALID", "INCONCLUSIVE_NOT_ENOUGH_DATA", "INCONCLUSIVE_EQUIVALENT")
    return (name, *(seen[verdict] / repeats for verdict in (*verdicts, "INCONCLUSIVE")))


def _register(arms: tuple[str, ...]) -> Registration:
    return Registration(
        experiment_id="calibrate",
        variable="call_to_action",
        arms=tuple(Arm.model_validate({"name": name, "cost_cny": "0.05"}) for name in arms),
        primary_metric="clicked",
        window_hours=48,
        target_mde=0.05,
        sample_fraction=0.1,
        fallback_arm=arms[0],
        holdout_fraction=0.05,
        indifference_zone=0.02,
    )


def _observe(rng: np.random.Generator, audience: Audience, sent: int) -> ArmStats:
    undelivered = int(rng.binomial(sent, audience.undelivered_rate))
    return ArmStats(
        arm=audience.name,
        planned=sent,
        assigned=sent,
        sent=sent,
        delivered=sent - undelivered,
        undelivered=undelivered,
        clicked=int(rng.binomial(sent, audience.click_rate)),
        converted=0,
        opted_out=int(rng.binomial(sent, audience.opt_out_rate)),
        complained=int(rng.binomial(sent, audience.complaint_rate)),
    )


def _spread_within(connection: duckdb.DuckDBPyConnection, arms: tuple[str, ...]) -> int:
    counts = ", ".join(f"count(*) filter (arm = '{arm}')" for arm in arms)
    rows = connection.execute(
        f"select greatest({counts}) - least({counts}) from audience_assigned where role = 'sample' group by stratum"
    ).fetchall()
    return int(max(row[0] for row in rows))


def _show(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{100 * cell:.2f}%" if abs(cell) < 1.005 else f"{cell:.2f}"
    return str(cell)


if __name__ == "__main__":
    main()
