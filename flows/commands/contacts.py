"""Commands around people: sample data, imports, segments, suppression."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from chuda.results import StageResult
from flows.commands.output import StageLines, console, is_json, say, show, show_table

Encoding = Literal["utf-8", "utf-8-sig", "gb18030"]
Files = Annotated[list[Path], typer.Argument(help="one or more files")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(sample)
    app.command()(optout)
    groups: tuple[tuple[str, str, dict[str, Callable[..., Any]]], ...] = (
        ("contacts", "联系人 / contacts", {"import": import_contact_files, "show": show_contact}),
        ("orders", "订单 / orders", {"import": import_order_files}),
        ("events", "事件 / events", {"import": import_event_files}),
        ("do-not-contact", "禁发名单 / do-not-contact lists", {"import": import_stop_files}),
        ("segments", "分群 / segments", {"refresh": refresh, "show": show_segments}),
    )
    for name, help_text, commands in groups:
        group = typer.Typer(help=help_text, no_args_is_help=True)
        for command, function in commands.items():
            group.command(command)(function)
        app.add_typer(group, name=name)


def sample(
    out: Annotated[Path, typer.Option(help="folder to write to")],
    rows: Annotated[int, typer.Option(min=1)] = 50_000,
    seed: Annotated[int, typer.Option()] = 1,
    encoding: Annotated[Encoding, typer.Option(help="of the files")] = "utf-8",
) -> None:
    """Write realistic dirty contacts, orders and events with a known answer key."""
    from chuda.clock import RealClock
    from tasks.sample.generator import SampleParameters, generate_sample

    parameters = SampleParameters(rows=rows, seed=seed, now=RealClock().now(), encoding=encoding)
    manifest = generate_sample(parameters, out)
    people = manifest.key.candidates.kept
    text = say(f"{rows:,} 行，{people:,} 人；答案在 answer_key.json", f"{rows:,} rows, {people:,} people")
    show({"folder": str(out), "rows": rows, "people": people}, f"{out}: {text}")


def _import_all(files: list[Path], run: Callable[[str], StageResult]) -> None:
    from time import perf_counter

    lines = StageLines()
    for path in files:
        started = perf_counter()
        result = run(str(path))
        lines(result, perf_counter() - started)
        if "reject_file" in result.details and not is_json():
            console.print(say("   改正后可再次导入：", "   correct and import again: ") + result.details["reject_file"])


def import_contact_files(
    files: Files,
    consent: Annotated[
        str | None, typer.Option(help="for files without consent columns: 'source | ISO time | purpose'")
    ] = None,
) -> None:
    """Clean, dedupe, enrich, gate and merge contact files; rejects with reasons."""
    from tasks.contacts.stage import import_contacts

    _import_all(files, lambda path: import_contacts.fn(path, consent))


def import_order_files(files: Files) -> None:
    """Take in orders; their people are named by number or member id."""
    from tasks.contacts.stage import import_orders

    _import_all(files, import_orders.fn)


def import_event_files(files: Files) -> None:
    """Take in events: appointments, installations, visits, touches on other channels."""
    from tasks.contacts.stage import import_events

    _import_all(files, import_events.fn)


def import_stop_files(files: Files) -> None:
    """Suppress everybody on do-not-contact lists, at once and for all campaigns."""
    from tasks.contacts.stage import import_do_not_contact

    _import_all(files, import_do_not_contact.fn)


def show_contact(person: Annotated[str, typer.Argument(help="phone or token")]) -> None:
    """One person's record, why they were excluded, and every touchpoint."""
    from chuda.workspace import open_workspace
    from tasks.contacts.lookup import describe_person

    with open_workspace() as workspace:
        for title, columns, rows in describe_person(workspace, person):
            show_table(title, columns, rows)


def refresh() -> None:
    """Recompute tags, life stages and segments."""
    from tasks.segments.stage import refresh_all_segments

    result = refresh_all_segments.fn()
    text = say(f"{result.rows_in:,} 人，{result.rows_out:,} 个分群归属", f"{result.rows_in:,} people tagged")
    show({"contacts": result.rows_in, "memberships": result.rows_out, "verdict": result.verdict}, text)


def show_segments() -> None:
    """Sizes of all segments."""
    from chuda.workspace import open_workspace
    from tasks.planning.briefing import load_all_segments
    from tasks.segments.refresh import segment_sizes

    with open_workspace() as workspace, workspace.warehouse.read() as connection:
        sizes = segment_sizes(connection)
        labels = {segment.name: segment.label for segment in load_all_segments(workspace.settings)}
    rows = [(name, labels.get(name, ""), size) for name, size in sizes.items()]
    show_table(say("分群", "segments"), say("名称,说明,人数", "name,label,people").split(","), rows)


def optout(
    phone: Annotated[str, typer.Argument(help="the number")],
    everything: Annotated[bool, typer.Option("--all", help="stop notifications too")] = False,
) -> None:
    """Suppress a number at once, in every campaign that runs or will run."""
    from chuda.workspace import open_workspace
    from tasks.contacts.lookup import suppress_phone

    with open_workspace() as workspace:
        masked = suppress_phone(workspace, phone, "all" if everything else "marketing")
    show({"phone": masked}, say(f"{masked} 已停发", f"{masked} is suppressed"))
