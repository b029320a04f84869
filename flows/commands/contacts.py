"""Commands around people: sample data, imports, segments, suppression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from chuda.results import StageResult
from flows.commands.output import StageLines, console, is_json, language, say, show, show_table
from flows.commands.segments import export_segment, refresh, show_segments

Encoding = Literal["utf-8", "utf-8-sig", "gb18030"]
Kind = Literal["contacts", "orders", "events", "do_not_contact"]
Files = Annotated[list[str], typer.Argument(help="files, folders, patterns like 'exports/*.csv'")]
PersonArgument = Annotated[str, typer.Argument(metavar="PHONE|TOKEN", help="a phone number or a token")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(sample)
    app.command()(optout)
    groups: tuple[tuple[str, str, dict[str, Callable[..., Any]]], ...] = (
        (
            "contacts",
            "联系人 / contacts",
            {
                "import": import_contact_files,
                "columns": show_columns,
                "show": show_contact,
                "export": export_contact,
                "erase": erase_contact,
            },
        ),
        ("orders", "订单 / orders", {"import": import_order_files}),
        ("events", "事件 / events", {"import": import_event_files}),
        ("do-not-contact", "禁发名单 / do-not-contact lists", {"import": import_stop_files}),
        ("segments", "分群 / segments", {"refresh": refresh, "show": show_segments, "export": export_segment}),
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


def _import_all(files: list[str], run: Callable[[str], StageResult]) -> None:
    from tasks.contacts.opening import expand_paths

    for path in expand_paths(files):
        _import_one(lambda path=path: run(str(path)))  # type: ignore[misc]


def _import_one(run: Callable[[], StageResult]) -> None:
    from time import perf_counter

    started = perf_counter()
    result = run()
    StageLines()(result, perf_counter() - started)
    if is_json():
        return
    details = result.details
    console.print(f"   {_account(details)}", markup=False)
    reasons = {name: count for name, count in result.rejected.items() if name != "merged"}
    if reasons:
        said = ", ".join(f"{name} {count:,}" for name, count in reasons.items())
        console.print(f"   {say(f'拒收：{said}', f'rejected: {said}')}", markup=False)
    for name, zh, en in _SAID:
        if name in details:
            console.print(f"   {say(zh, en)}{details[name]}", markup=False)


def _account(details: dict[str, str]) -> str:
    """What came in and what became of it, as a sum that can be checked."""

    def add_up(names: dict[str, str]) -> str:
        return " + ".join(f"{int(details[name]):,} {word}" for name, word in names.items() if name in details)

    came = {"rows": say("行", "rows"), "extra_numbers": say("个附加号码", "further numbers in their cells")}
    became = {
        "kept": say("条留下", "kept"), "merged": say("条合并", "merged"),
        "alternates": say("个备用号码", "kept as further numbers"), "rejected": say("条拒收", "rejected"),
    }  # fmt: skip
    return f"{add_up(came) or 0} = {add_up(became) or 0}"


_SAID = (
    ("columns", "列：", "columns: "),
    ("unused_columns", "未使用的列：", "columns not used: "),
    ("unchanged_rows", "与上次相同、跳过的行：", "rows as before, left out: "),
    ("refused", "新撤回同意、已停发的人：", "people who newly refused, suppressed: "),
    ("reject_file", "改正后可再次导入：", "correct and import again: "),
)
Consent = Annotated[str | None, typer.Option(help="for files without consent columns: 'source | ISO time | purpose'")]
Mapping = Annotated[Path | None, typer.Option(help="a mapping file, see `chuda contacts columns`")]


def import_contact_files(
    files: Annotated[list[str] | None, typer.Argument(help="files, folders, patterns like 'exports/*.csv'")] = None,
    consent: Consent = None,
    mapping: Mapping = None,
    source: Annotated[str | None, typer.Option(help="where they come from; default: the name without dates")] = None,
    changed_only: Annotated[bool, typer.Option(help="leave out rows the source's last export held too")] = False,
    query: Annotated[Path | None, typer.Option(help="a file with one SELECT, instead of files")] = None,
    database: Annotated[str | None, typer.Option(help="environment variable with the database's URL")] = None,
) -> None:
    """Clean, dedupe, enrich, gate and merge contact files or a query; rejects with reasons."""
    from chuda.errors import UsageError
    from tasks.contacts.stage import import_contacts, import_contacts_from_database

    chosen = None if mapping is None else str(mapping)
    if (query is None) != (database is None) or (query is None) == (not files):
        raise UsageError("name files, or --query FILE together with --database VARIABLE")
    if query is not None and database is not None:
        _import_one(
            lambda: import_contacts_from_database.fn(str(query), database, consent, chosen, source, changed_only)
        )
    _import_all(files or [], lambda path: import_contacts.fn(path, consent, chosen, source, changed_only))


def show_columns(
    file: Annotated[Path, typer.Argument(help="a file to import")],
    kind: Annotated[Kind, typer.Option(help="what is in it")] = "contacts",
    mapping: Mapping = None,
    write: Annotated[Path | None, typer.Option(help="begin a mapping file with what was found and guessed")] = None,
) -> None:
    """What the columns of a file are taken for, with guesses for the rest; nothing is imported."""
    from chuda.files import load_yaml
    from chuda.settings import read_settings
    from tasks.contacts.columns import load_header_names
    from tasks.contacts.mapping import MappingFile, recognise, write_mapping
    from tasks.contacts.opening import open_file

    names = load_header_names(read_settings().reference / "headers.yaml")
    opened = open_file(file, names)
    match = recognise(kind, opened.rows, names, dict(load_yaml(mapping, MappingFile).columns) if mapping else {})
    meanings = {column: meaning for meaning, column in match.columns.items()}
    guess = say("猜测：", "guess: ")
    rows = [
        (column, meanings.get(column) or (guess + match.guesses[column] if column in match.guesses else "–"))
        for column in opened.rows.columns
    ]
    show_table(file.name, say("列,含义", "column,meaning").split(","), rows)
    if write:
        write_mapping(write, match, names)
        show({"mapping": str(write)}, say(f"{write}：请核对后用 --mapping 导入", f"{write}: check it, then --mapping"))


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


def show_contact(person: PersonArgument) -> None:
    """One person's record, why they were excluded, and every touchpoint."""
    from chuda.workspace import open_workspace
    from tasks.compliance.rules import explain_reason
    from tasks.contacts.lookup import describe_person, find_person

    with open_workspace() as workspace:
        found = find_person(workspace, person)
        for title, columns, rows in describe_person(workspace, found):
            if title == "exclusions":
                columns, rows = (*columns, "why"), [(*row, explain_reason(row[-1], language())) for row in rows]
            if len(rows) == 1 and not is_json():
                # One record reads better downwards; what is empty is left out.
                filled = [(name, value) for name, value in zip(columns, rows[0], strict=True) if value is not None]
                show_table(f"{found.shown} {title}", say("项目,内容", "field,value").split(","), filled)
            else:
                show_table(f"{found.shown} {title}", columns, rows)


def export_contact(
    person: PersonArgument, out: Annotated[Path, typer.Option(help="a new JSON file, for you alone (0600)")]
) -> None:
    """One person's data as they may ask for it: everything on record, number and name included."""
    from chuda.workspace import open_workspace
    from tasks.contacts.lookup import export_person, find_person

    with open_workspace() as workspace:
        found = find_person(workspace, person)
        count = export_person(workspace, found, out)
    show({"file": str(out), "records": count}, say(f"{out}：{count} 条记录", f"{out}: {count} records"))


def erase_contact(
    person: PersonArgument, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False
) -> None:
    """Erase a person (PIPL 47): nothing is left but a token, so that no import brings them back."""
    from chuda.workspace import open_workspace
    from tasks.contacts.erasing import erase_person
    from tasks.contacts.lookup import find_person

    with open_workspace() as workspace:
        found = find_person(workspace, person)
        question = say(f"永久删除 {found.shown}？不能恢复", f"Erase {found.shown} for good? It cannot be undone")
        if not yes and not typer.confirm(question):
            raise typer.Exit(2)
        done = erase_person(workspace, found.token, found.phone)
    text = say(
        f"{found.shown} 已删除：仓库 {done.warehouse_rows} 行，号码库 {done.vault_numbers} 个，待发短信 "
        f"{done.withdrawn_messages} 条；再次导入也不会恢复",
        f"{found.shown} is erased: {done.warehouse_rows} rows, {done.vault_numbers} numbers, "
        f"{done.withdrawn_messages} messages not sent; no import brings them back",
    )
    show({"person": found.shown, **asdict(done)}, text)


def optout(
    phone: Annotated[str, typer.Argument(help="the number")],
    everything: Annotated[bool, typer.Option("--all", help="stop notifications too")] = False,
) -> None:
    """Suppress a number at once, in every campaign that runs or will run."""
    from chuda.workspace import open_workspace
    from tasks.contacts.lookup import find_person, suppress_person

    with open_workspace() as workspace:
        found = find_person(workspace, phone)
        others = suppress_person(workspace, found, "all" if everything else "marketing")
    also = say(f"，连同以它为备用号码的 {others} 人", f", with {others} people who have it as a further number")
    show(
        {"phone": found.shown, "also": others},
        say(f"{found.shown} 已停发", f"{found.shown} is suppressed") + (also if others else ""),
    )
