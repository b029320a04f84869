"""The gate before a hand-over: run a suite on a table and tell passed, warned, failed and could-not-run apart."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chuda.errors import GateBroken, GateFailed
from expectations.bridge import BridgeConnection
from expectations.rules import Rule, Severity, Suite, Verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found: whether it could run and was met, and counts, never values."""

    rule: str
    meaning: str
    severity: Severity
    is_run: bool
    is_met: bool
    unexpected: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class GateResult:
    """The verdict on one table at one moment."""

    gate: str
    subject: str
    checked_at: datetime
    verdict: Verdict
    findings: tuple[Finding, ...]

    def unmet(self) -> list[Finding]:
        """The rules that were not met, those that stop first."""
        return sorted((f for f in self.findings if not f.is_met), key=lambda f: (f.severity != "stop", f.rule))

    def raise_if_stopped(self) -> None:
        """Stop the stage.

        Raises:
            GateBroken: a check could not run.
            GateFailed: a rule that stops was not met.
        """
        if self.verdict == "broken":
            names = ", ".join(f.rule for f in self.findings if not f.is_run)
            raise GateBroken(
                f"gate {self.gate} ({self.subject}): {names} could not run; nothing was published. "
                "This is a fault of the check, not of your data: please report it"
            )
        if self.verdict == "failed":
            said = "; ".join(_say(f) for f in self.unmet() if f.severity == "stop")
            raise GateFailed(f"gate {self.gate} ({self.subject}) stopped the run, nothing was published: {said}")


def _say(finding: Finding) -> str:
    counts = "" if finding.unexpected is None else f" ({finding.unexpected} rows do not)"
    return f"{finding.meaning}{counts}"


class Gatekeeper:
    """The gates of one stage: every verdict is kept, the first that stops ends the stage."""

    def __init__(self, connection: Any, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self.results: list[GateResult] = []

    def require(self, suite: Suite, subject: str, facts: Mapping[str, object] | None = None) -> GateResult:
        """Run a suite and stop unless it passes or only warns.

        Raises:
            GateFailed, GateBroken: see `GateResult.raise_if_stopped`.
        """
        result = check(self._connection, suite, subject, self._now, facts)
        self.results.append(result)
        result.raise_if_stopped()
        return result

    @property
    def verdict(self) -> Verdict:
        """The worst verdict so far."""
        order: tuple[Verdict, ...] = ("passed", "warned", "failed", "broken")
        return max((result.verdict for result in self.results), key=order.index, default="passed")


_RECORD = """
CREATE TABLE IF NOT EXISTS main.gate_result (gate VARCHAR, subject VARCHAR, checked_at TIMESTAMPTZ, verdict VARCHAR,
    rule VARCHAR, meaning VARCHAR, severity VARCHAR, is_run BOOLEAN, is_met BOOLEAN, unexpected BIGINT, total BIGINT)
"""


def record_results(connection: Any, results: Sequence[GateResult]) -> None:
    """Keep verdicts in the warehouse, one row per rule."""
    connection.execute(_RECORD)
    rows = [
        (r.gate, r.subject, r.checked_at, r.verdict, f.rule, f.meaning, f.severity, f.is_run, f.is_met, f.unexpected,
         f.total)
        for r in results
        for f in r.findings
    ]  # fmt: skip
    if rows:
        connection.executemany(f"INSERT INTO main.gate_result VALUES ({', '.join('?' * 11)})", rows)


def check(
    connection: Any, suite: Suite, subject: str, now: datetime, facts: Mapping[str, object] | None = None
) -> GateResult:
    """Run a suite on its table through the stage's own connection.

    Args:
        connection: the DuckDB connection of the stage; its uncommitted tables are seen.
        suite: the rules.
        subject: what is being handed over (a file, a plan), for people.
        now: when.
        facts: numbers that the suite's queries refer to as `$name`.
    """
    reports = _run(BridgeConnection(connection), suite, facts or {})
    findings = tuple(_finding(rule, reports.get(rule.name)) for rule in suite.rules)
    return GateResult(suite.name, subject, now, _verdict(findings), findings)


def _verdict(findings: tuple[Finding, ...]) -> Verdict:
    if any(not f.is_run for f in findings):
        return "broken"
    unmet = {f.severity for f in findings if not f.is_met}
    return "failed" if "stop" in unmet else "warned" if unmet else "passed"


def _run(bridge: BridgeConnection, suite: Suite, facts: Mapping[str, object]) -> dict[str, Any]:
    """Results by rule name; a rule that GX does not answer is missing."""
    # Imported here: it takes seconds and 250 MB, which only a gate should cost.
    os.environ.setdefault("TQDM_DISABLE", "1")
    import great_expectations as gx
    from great_expectations import expectations as kinds

    # GX's own modules set their loggers to INFO; nothing of them is for people.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.ERROR)
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}  # type: ignore[assignment]
    sources: Any = context.data_sources
    source = sources.add_sql("warehouse", connection_string="duckdb://", kwargs={"creator": lambda: bridge})
    asset = source.add_table_asset(suite.table, table_name=suite.table)
    batch = asset.add_batch_definition_whole_table("all")
    asked = gx.ExpectationSuite(
        name=suite.name,
        expectations=[
            getattr(kinds, rule.kind)(meta={"rule": rule.name}, **_filled(rule.arguments, facts))
            for rule in suite.rules
        ],
    )
    definition = gx.ValidationDefinition(name=suite.name, data=batch, suite=context.suites.add(asked))
    answer = context.validation_definitions.add(definition).run(
        result_format={"result_format": "SUMMARY", "partial_unexpected_count": 0}
    )
    results: Any = answer.results
    return {result.expectation_config.meta["rule"]: result for result in results}


def _filled(arguments: Mapping[str, Any], facts: Mapping[str, object]) -> dict[str, Any]:
    filled = dict(arguments)
    query = filled.get("unexpected_rows_query")
    if query is not None:
        for name, value in facts.items():
            query = query.replace(f"${name}", str(value))
        filled["unexpected_rows_query"] = query
    return filled


def _finding(rule: Rule, result: Any) -> Finding:
    # Only counts are taken over: GX's messages and exceptions can quote values.
    body = {} if result is None else (result.result or {})
    is_run = result is not None and not _raised(result.exception_info) and bool(body)
    counted = "observed_value" if rule.kind == "UnexpectedRowsExpectation" else "unexpected_count"
    unexpected = body.get(counted)
    return Finding(
        rule=rule.name,
        meaning=rule.meaning,
        severity=rule.severity,
        is_run=is_run,
        is_met=is_run and bool(result.success),
        unexpected=unexpected if isinstance(unexpected, int) else None,
        total=body.get("element_count"),
    )


def _raised(info: Any) -> bool:
    """Whether a check raised; GX gives one record, or one per metric."""
    if not info:
        return False
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(bool(part.get("raised_exception")) for part in info.values())
