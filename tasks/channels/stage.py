"""The door of the channels room."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from chuda.clock import to_us
from chuda.errors import ChudaError, Refused, UsageError
from chuda.mainland_calendar import kind_of_day
from chuda.records.business import BusinessRecord, load_business
from chuda.records.channel import ChannelRecord
from chuda.results import StageResult
from chuda.settings import Settings, environment
from chuda.stores.ledger.channels import (
    TestPhone,
    TestStep,
    Verdict,
    add_steps,
    add_verdict,
    close_steps,
    open_tests,
    shots_of,
    steps_of,
    test_phones,
    tests_begun,
    verdicts_of,
)
from chuda.stores.ledger.releases import Control, find_control, set_control
from chuda.workspace import Workspace, open_workspace
from tasks.channels.asking import ask_totals
from tasks.channels.bill_alarms import tell_bill, tell_statistics
from tasks.channels.billing import (
    days_to_ask,
    keep_accounts,
    keep_bill,
    keep_totals,
    read_bill,
    reconcile_bill,
)
from tasks.channels.canary import campaign_id_of, count_cells, find_ripe, judge_cells, thin_out, write_campaign
from tasks.channels.evidence import judge_stage, write_verdict
from tasks.channels.fitness import HOLIDAY, refuse_unfit, standing_of
from tasks.channels.lines import ChannelLines, load_channel_lines
from tasks.channels.phones import pick_phones
from tasks.channels.probe import Probe, probe_window, publish_probe
from tasks.channels.proof import chosen_texts, keep_proof_link, proof_probe
from tasks.channels.record import create_channel_tables, keep_verdict
from tasks.channels.testing import Send, channels_by_type, ripe_stages, schedule_stress, schedule_test, stress_on
from tasks.channels.texts import load_probe_texts
from tasks.channels.watching import STAGE as CANARY
from tasks.channels.watching import act_on, tell_cells
from tasks.feedback.mirror import create_mirror, mirror_ledger
from tasks.planning.briefing import load_channels, read_briefing
from tasks.planning.plan import create_plan_tables
from tasks.stage import Stage, open_stage, stage_task

_HOLIDAY_ZH = "节假日高峰部分等到节假日再测，不影响使用"
_HOLIDAY_EN = "the holiday part waits for a holiday; it does not hold the channel back"


def find_channel(settings: Settings, name: str) -> ChannelRecord:
    """A channel's record by its name.

    Raises:
        UsageError: there is none of that name.
    """
    channels = load_channels(settings)
    if name not in channels:
        raise UsageError(f"there is no channel {name!r}; on record are: {', '.join(channels) or 'none'}")
    return channels[name]


def own_business(settings: Settings) -> BusinessRecord:
    """The business that tests its channels: `business.yaml` beside the campaigns.

    Raises:
        UsageError: there is none.
    """
    path = settings.campaigns / "business.yaml"
    if not path.exists():
        raise UsageError(f"{path}: tests are signed as your business; make its record first")
    return load_business(path, lang=settings.lang).value


@stage_task("begin channel test")
def begin_test(channel: str) -> StageResult:
    """Plan every send of a channel's three-stage test; `details` name the test and its plans, ready to be approved."""
    with open_stage() as stage:
        settings = stage.workspace.settings
        record, business, lines = find_channel(settings, channel), own_business(settings), _lines(settings)
        by_type = channels_by_type(record, load_channels(settings))
        for each in {record.name: record, **{one.name: one for one in by_type.values()}}.values():
            _refuse_untestable(each, business, stage.now)
        with stage.workspace.ledger.read() as ledger:
            phones, number = test_phones(ledger), tests_begun(ledger, channel) + 1
        pick_phones(phones, lines.basic.numbers)
        sends = schedule_test(record, by_type, probe_window(record, business), stage.now, lines)
        test_id = f"{channel}-{number}"
        steps = _publish(stage, test_id, sends, phones, business, lines)
        with stage.workspace.ledger.write() as ledger:
            add_steps(ledger, steps)
            add_verdict(ledger, _holiday_pending(test_id, record, stage.now))
        return _result("channel_test", test_id, steps, len(phones))


def _lines(settings: Settings) -> ChannelLines:
    return load_channel_lines(settings.reference)


def _refuse_untestable(record: ChannelRecord, business: BusinessRecord, now: datetime) -> None:
    refuse_unfit(record, "test", (), now)
    if not frozenset(record.signatures) & business.allowed_signatures:
        raise Refused(
            f"渠道“{record.name}”没有报备过可用的签名，不能测试 / channel '{record.name}' has no filed "
            "signature of this business; list it under `signatures`"
        )
    if record.resend is not None and not record.resend.is_off:
        raise Refused(
            f"渠道“{record.name}”开着自动补发，测不出首次送达率 / automatic resend of '{record.name}' is on: "
            "first-attempt delivery cannot be measured; have it switched off and record that under `resend`"
        )


def _holiday_pending(test_id: str, record: ChannelRecord, now: datetime) -> Verdict:
    evidence = json.dumps({"zh": _HOLIDAY_ZH, "en": _HOLIDAY_EN}, ensure_ascii=False)
    return Verdict(test_id, record.name, HOLIDAY, "pending", 0, evidence, to_us(now), to_us(now))


def _publish(
    stage: Stage, test_id: str, sends: Sequence[Send], phones: Sequence[TestPhone], business: BusinessRecord,
    lines: ChannelLines,
) -> list[TestStep]:  # fmt: skip
    settings = stage.workspace.settings
    channels, texts, steps = load_channels(settings), load_probe_texts(settings.reference), []
    for send in sends:
        record = channels[send.channel]
        signature = sorted(frozenset(record.signatures) & business.allowed_signatures)[0]
        code = 10_000 * send.round + 100 * ("basic", "stress", "scenario", HOLIDAY).index(send.stage) + send.number
        probe = Probe(
            kind=send.stage, name=f"test-{test_id}-{send.stage.replace('_', '-')}-{send.round}-{send.number}",
            title=f"{test_id} {send.stage} {send.round}.{send.number}", tested_type=send.tested_type, channel=record,
            text=texts.write(send.stage, send.tested_type, record, signature, code), opens_at=send.opens_at,
        )  # fmt: skip
        chosen = pick_phones(phones, lines.basic.numbers) if send.stage == "basic" else phones
        plan_id = publish_probe(stage.connection, probe, chosen, business, settings, stage.gate, stage.now)
        steps.append(TestStep(test_id, send.stage, send.round, send.number, send.tested_type, send.channel, plan_id,
                              to_us(send.opens_at), to_us(send.judge_at), "open"))  # fmt: skip
    return steps


def _result(name: str, test_id: str, steps: Sequence[TestStep], phones: int, **more: str) -> StageResult:
    details = {"test_id": test_id, "plans": " ".join(step.plan_id for step in steps), **more}
    return StageResult(name, "plan_message", phones, len(steps), details=details)


@stage_task("judge channel test")
def judge_test(test_id: str) -> StageResult:
    """Judge the stages of a test whose time has come; `details["plans"]` are further sends to be approved, if any."""
    with open_stage() as stage:
        settings, ledger = stage.workspace.settings, stage.workspace.ledger
        lines, record = _lines(settings), find_channel(settings, test_id.rpartition("-")[0])
        verdicts: dict[str, str] = {}
        added: list[TestStep] = []
        create_channel_tables(stage.connection)
        while True:
            with ledger.read() as connection:
                steps, phones = steps_of(connection, test_id), test_phones(connection)
            ripe = [name for name in ripe_stages(steps, to_us(stage.now)) if name not in verdicts]
            if not ripe:
                break
            verdict = _judge_one(stage.workspace, record, test_id, ripe[0], steps, phones, lines, stage.now)
            keep_verdict(stage.connection, verdict)
            verdicts[ripe[0]] = verdict.verdict
            if verdict.stage == "stress" and verdict.verdict == "pending" and verdict.messages:
                added += _repeat(stage, record, test_id, steps, phones, lines)
        result = _result("channel_verdict", test_id, added, len(verdicts), **verdicts)
        return replace(
            result, rows_out=sum(each == "passed" for each in verdicts.values()),
            rejected={f"{test_id} {name} {each}": 1 for name, each in verdicts.items() if each != "passed"},
        )  # fmt: skip


def _judge_one(
    workspace: Workspace, record: ChannelRecord, test_id: str, name: str, steps: Sequence[TestStep],
    phones: Sequence[TestPhone], lines: ChannelLines, now: datetime,
) -> Verdict:  # fmt: skip
    own = [step for step in steps if step.stage == name]
    with workspace.ledger.write() as connection:
        shots = shots_of(connection, [step.plan_id for step in own])
        judged = judge_stage(name, own, shots, phones, lines)
        verdict = write_verdict(test_id, record, judged, own, shots, phones, lines, now)
        add_verdict(connection, verdict)
        close_steps(connection, [step.plan_id for step in own])
        if name == "basic" and verdict.verdict != "passed":
            # The rest would cost money and tell nothing new.
            rest = [step.plan_id for step in steps if step.stage != name and step.state == "open"]
            close_steps(connection, rest)
            for plan_id in rest:
                if find_control(connection, plan_id) is not None:
                    set_control(connection, plan_id, Control("cancelled", "basic test failed", "chuda"), to_us(now))
    return verdict


def _repeat(
    stage: Stage, record: ChannelRecord, test_id: str, steps: Sequence[TestStep], phones: Sequence[TestPhone],
    lines: ChannelLines,
) -> list[TestStep]:  # fmt: skip
    business = own_business(stage.workspace.settings)
    done = max(step.round for step in steps if step.stage == "stress")
    sends = schedule_stress(record, probe_window(record, business), stage.now, lines, done + 1)
    added = _publish(stage, test_id, sends, phones, business, lines)
    with stage.workspace.ledger.write() as connection:
        add_steps(connection, added)
    return added


@stage_task("plan holiday sends")
def plan_holiday_sends() -> StageResult:
    """Before and on a public holiday: the holiday peak part of every test that still waits for one."""
    with open_stage() as stage:
        settings = stage.workspace.settings
        lines, business = _lines(settings), own_business(settings)
        first = _holiday_morning(stage.now, lines)
        added: list[TestStep] = []
        if first is not None:
            with stage.workspace.ledger.read() as connection:
                verdicts, phones = verdicts_of(connection), test_phones(connection)
                waiting = {v.channel: v.test_id for v in verdicts if v.stage == HOLIDAY and v.verdict == "pending"}
                idle = {c: t for c, t in waiting.items() if not _has_holiday(steps_of(connection, t))}
            for name, test_id in idle.items():
                record = load_channels(settings).get(name)
                if (
                    record is not None
                    and phones
                    and standing_of(record, "basic", verdicts, stage.now).state == "passed"
                ):
                    sends = stress_on(record, probe_window(record, business), first, lines, 1, HOLIDAY)
                    added += _publish(stage, test_id, sends, phones, business, lines)
        with stage.workspace.ledger.write() as connection:
            add_steps(connection, added)
        return _result("channel_test", "", added, len(added))


def _holiday_morning(now: datetime, lines: ChannelLines) -> datetime | None:
    """The first send of the holiday that is today (before its time) or tomorrow; None if neither is one."""
    start = timedelta(minutes=lines.stress.within.start_minute)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in (midnight, midnight + timedelta(days=1)):
        if kind_of_day(day.date()) == "holiday" and day + start > now:
            return day + start
    return None


def _has_holiday(steps: Sequence[TestStep]) -> bool:
    return any(step.stage == HOLIDAY for step in steps)


def running_tests(workspace: Workspace) -> Mapping[str, str]:
    """The channel of every test with sends still to be judged, by test."""
    with workspace.ledger.read() as connection:
        return open_tests(connection)


def test_steps(workspace: Workspace, test_id: str) -> list[TestStep]:
    """The sends of a test in the order in which they are due."""
    with workspace.ledger.read() as connection:
        return steps_of(connection, test_id)


@stage_task("plan proofs")
def plan_proofs(plan_id: str, number: int = 1) -> StageResult:
    """Plan a proof of each variant of a plan, in its own words, to every test phone; `details["plans"]` are theirs.

    Args:
        plan_id: the plan to prove.
        number: 1 the first time; a higher one sends the same again.
    """
    with open_stage() as stage:
        settings = stage.workspace.settings
        business = own_business(settings)
        with stage.workspace.ledger.read() as ledger:
            phones = test_phones(ledger)
        keys = stage.workspace.keys
        record, texts = chosen_texts(stage.connection, plan_id, keys)
        with stage.workspace.ledger.write() as ledger:
            keep_proof_link(stage.connection, ledger, keys, plan_id, record)
        refuse_unfit(record, "test", (), stage.now)
        window = probe_window(record, business)
        plans = [
            publish_probe(stage.connection, proof_probe(plan_id, number, record, text, window.next_opening(stage.now)),
                          phones, business, settings, stage.gate, stage.now)
            for text in texts
        ]  # fmt: skip
        details = {"plans": " ".join(plans), "variants": ", ".join(text.variant for text in texts),
                   "opens_at": window.next_opening(stage.now).isoformat(timespec="minutes")}  # fmt: skip
        return StageResult("proof", "plan_message", len(texts), len(phones) * len(texts), details=details)


def write_canary_file(workspace: Workspace, channel: str, number: int = 1) -> Path:
    """The campaign file of this month's canary of a channel, under CHUDA_HOME; the same file every time.

    Raises:
        UsageError: there is no such channel, or it carries no marketing.
    """
    settings, now = workspace.settings, workspace.clock.now()
    record = find_channel(settings, channel)
    if "marketing" not in record.message_types:
        raise UsageError(f"channel {channel!r} carries no marketing; a canary is a marketing message")
    texts = load_probe_texts(settings.reference)
    campaign_id = campaign_id_of(channel, now, number)
    campaign = write_campaign(
        campaign_id, channel, texts.canary.replace("{opt_out}", record.opt_out_wording),
        str((settings.campaigns / "business.yaml").absolute()), f"{channel} {now:%Y-%m} 质量巡检",
    )  # fmt: skip
    path = settings.home / "canaries" / f"{campaign_id}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(json.dumps(campaign, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


@stage_task("draw canary")
def draw_canary(campaign_file: str) -> StageResult:
    """Leave of the canary's audience a random 1 % of the month's volume."""
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
    with open_stage(briefing.draft_id) as stage:
        create_mirror(stage.connection)
        create_plan_tables(stage.connection)
        eligible = stage.connection.execute("SELECT count(*) FROM audience_eligible").fetchone()[0]
        lines = _lines(stage.workspace.settings)
        drawn = thin_out(stage.connection, briefing.campaign.id, briefing.channel.name, lines, stage.now)
        return StageResult("canary", "audience_eligible", eligible, drawn)


@stage_task("judge canaries")
def judge_canaries() -> StageResult:
    """Judge every canary whose receipts are complete: cells that dropped are alerted, and avoided where configured."""
    with open_stage() as stage:
        settings, lines = stage.workspace.settings, _lines(stage.workspace.settings)
        create_mirror(stage.connection)
        create_plan_tables(stage.connection)
        create_channel_tables(stage.connection)
        with stage.workspace.ledger.read() as ledger:
            judged = {verdict.test_id for verdict in verdicts_of(ledger) if verdict.stage == CANARY}
        details: dict[str, str] = {}
        ripe = [row for row in find_ripe(stage.connection, stage.now, lines) if row[0] not in judged]
        for plan_id, channel, opened_at in ripe:
            record = load_channels(settings).get(channel)
            if record is None:
                continue
            cells = judge_cells(count_cells(stage.connection, plan_id, channel, opened_at, lines), lines)
            with stage.workspace.ledger.write() as ledger:
                watched = act_on(ledger, plan_id, record, cells, lines, stage.now)
            keep_verdict(stage.connection, watched.verdict)
            tell_cells(stage.connection, channel, cells, lines, stage.now)
            details[plan_id] = watched.verdict.verdict
            details |= {f"dropped {channel}": _cells([(d.cell.carrier, d.cell.province) for d in watched.dropped])}
            details |= {f"switched {channel}": _cells(watched.switched), f"back {channel}": _cells(watched.returned)}
        return StageResult("canary_verdict", "channel_verdict", len(ripe), len(details) and len(ripe),
                           details={name: text for name, text in details.items() if text})  # fmt: skip


def _cells(cells: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{carrier} {province}" for carrier, province in cells)


@stage_task("ask for statistics")
def ask_statistics(days: int = 4, channel: str = "") -> StageResult:
    """Keep what every channel's provider (or one's) counted on the last days on which something left through it."""
    with open_workspace() as workspace:
        channels = load_channels(workspace.settings)
    with open_stage() as stage:
        create_mirror(stage.connection)
        create_channel_tables(stage.connection)
        mirror_ledger(stage.connection, stage.workspace.ledger)
        keep_accounts(stage.connection, {name: record.account_key for name, record in channels.items()})
        asked, troubles = 0, dict[str, str]()
        differing: dict[str, int] = {}
        told: set[tuple[str, date]] = set()
        for name, record in channels.items():
            if channel not in ("", name):
                continue
            wanted = days_to_ask(stage.connection, name, (stage.now - timedelta(days=days)).date())
            try:
                found = ask_totals(record, wanted, environment(), stage.workspace.clock) if wanted else []
            except ChudaError as error:
                troubles[name] = str(error)  # one provider that is down does not hide the others' figures
                continue
            for totals in found:
                keep_totals(stage.connection, name, record.billing, totals, stage.now)
                if (record.account_key, totals.day) not in told:  # the figures are the account's: told once
                    told.add((record.account_key, totals.day))
                    differing |= tell_statistics(stage.connection, record, totals, stage.now)
            asked += len(found)
        held = {f"{name} did not answer": 1 for name in troubles} | {f"{what} differs by": by for what, by in
                differing.items()}  # fmt: skip
        return StageResult("statistics", "provider_total", asked + len(troubles), asked, held, details=troubles)


@stage_task("reconcile bill")
def reconcile(channel: str, day: str, file: str | None = None) -> StageResult:
    """Compare a channel's bill of a day with our ledger, message by message; `details` count the differences.

    Args:
        channel: the channel.
        day: YYYY-MM-DD, in Asia/Shanghai.
        file: the provider's bill (CSV or Excel); without it the one that was imported before.
    """
    lines = None if file is None else read_bill(Path(file))
    with open_stage() as stage:
        record, on = find_channel(stage.workspace.settings, channel), _day(day)
        create_plan_tables(stage.connection)
        create_mirror(stage.connection)
        create_channel_tables(stage.connection)
        mirror_ledger(stage.connection, stage.workspace.ledger)
        channels = load_channels(stage.workspace.settings)
        keep_accounts(stage.connection, {name: each.account_key for name, each in channels.items()})
        if lines is not None:
            keep_bill(stage.connection, stage.workspace.keys, channel, on, lines, Path(str(file)).name)
        count = stage.connection.execute(
            "SELECT count(*), coalesce(sum(parts), 0) FROM bill_line WHERE channel = ? AND day = ?", [channel, on]
        ).fetchone()
        if not count[0]:
            raise UsageError(f"no bill of {channel} for {day} is kept; name its file")
        differences = reconcile_bill(stage.connection, channel, on, record.billing, record.price_cny_per_part)
        tell_bill(stage.connection, f"{channel} {on}", differences, int(count[1]), stage.now)
        details = {each.kind: f"{each.messages} {each.parts:+d} {each.cny:+.2f}" for each in differences}
        details["billed"] = str(count[1])
        return StageResult("bill", "bill_difference", count[0], sum(d.messages for d in differences), details=details)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day; write YYYY-MM-DD") from None
