"""From what a person asks about to the judgement, over the published marts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from chuda.errors import UsageError
from chuda.stores.marts import open_marts
from chuda.workspace import Workspace
from tasks.contacts.lookup import find_person
from tasks.feedback.diagnosis.evidence import Evidence, Target, find_target, gather_evidence
from tasks.feedback.diagnosis.judgement import Finding, judge_causes
from tasks.kpi.receipt_codes import load_receipt_codes


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was asked about, how it may be shown, and every cause in order with its evidence."""

    shown: str
    findings: list[Finding]
    evidence: Evidence


def diagnose_target(workspace: Workspace, asked: str, days: int) -> Diagnosis:
    """Judge why messages of a campaign, template, cell or to a person did not arrive.

    Raises:
        UsageError: there are no marts yet, or nothing was sent that `asked` names.
    """
    target, shown = _person_target(workspace, asked) or (None, asked)
    codes = {code.upper(): confidence for _, code, _, confidence in load_receipt_codes()}
    with closing(open_marts(workspace.settings.marts_file)) as connection:
        target = target or find_target(connection, asked)
        evidence = gather_evidence(connection, target, workspace.clock.now(), days)
    return Diagnosis(shown, judge_causes(evidence, codes), evidence)


def _person_target(workspace: Workspace, asked: str) -> tuple[Target, str] | None:
    try:
        person = find_person(workspace, asked)
    except UsageError:
        return None
    return Target("person", person.token), person.shown
