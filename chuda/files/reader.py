"""A file a person wrote, read into a model: every problem of the file at once, each with its line and column."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from chuda.files.diagnosis import NotYaml
from chuda.files.model import FileModel
from chuda.files.problems import BadFile, Finding, Lang, Loc, Problem
from chuda.files.source import Source
from chuda.files.tree import REFUSED, Refused, read_tree

MAX_BYTES = 1024 * 1024
Model = TypeVar("Model", bound=FileModel)
Check = Callable[[Mapping[str, Any]], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Loaded(Generic[Model]):
    """What a file says (`value`), where it says it (`source`), and what is allowed but unwise (`warnings`)."""

    value: Model
    source: Source
    warnings: tuple[Problem, ...] = ()


def load_yaml(path: Path, model: type[Model], *, lang: Lang = "zh") -> Model:
    """Read a YAML file into a model; raises `BadFile` with every problem of the file."""
    return read_yaml(path, model, lang=lang).value


def read_yaml(path: Path, model: type[Model], *, lang: Lang = "zh", checks: Iterable[Check] = ()) -> Loaded[Model]:
    """Read a YAML file into a model and keep the places of its values.

    `checks` look at the top-level values that are right by themselves (a mapping of key to value) and return more
    findings. Raises `BadFile` with every problem of the file.
    """
    return parse_yaml(_read_text(path, lang), str(path), model, lang=lang, checks=checks)


def parse_yaml(
    text: str, name: str, model: type[Model], *, lang: Lang = "zh", checks: Iterable[Check] = ()
) -> Loaded[Model]:
    """The same as `read_yaml` for a text that is already in memory; `name` stands for the file in messages."""
    try:
        tree = read_tree(text)
    except NotYaml as error:
        raise BadFile([_problem_at(name, error.line, error.column, error.code, lang)]) from None
    source = Source(name, lang, tuple(text.splitlines()), tree.values, tree.keys)
    reading = _Reading(list(tree.findings))
    value = reading.read_model(model, tree.data, ())
    for check in checks:
        reading.findings.extend(check(reading.top))
    problems = sorted(
        (source.problem(each, secret=_is_secret(model, each.loc)) for each in reading.findings),
        key=lambda each: (each.line, each.column),
    )
    if isinstance(value, Refused) or any(each.severity == "error" for each in problems):
        raise BadFile([each for each in problems if each.severity == "error"])
    return Loaded(value, source, tuple(problems))


def _read_text(path: Path, lang: Lang) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise BadFile([_problem_at(str(path), 1, 1, "no_such_file", lang)]) from None
    except OSError:
        raise BadFile([_problem_at(str(path), 1, 1, "unreadable_file", lang)]) from None
    if len(content) > MAX_BYTES:
        raise BadFile([_problem_at(str(path), 1, 1, "file_too_large", lang)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise BadFile([_problem_at(str(path), before.count(b"\n") + 1, column, "not_utf8", lang)]) from None


def _problem_at(path: str, line: int, column: int, code: str, lang: Lang) -> Problem:
    problem = Source(path, lang).problem(Finding((), code))
    return Problem(problem.path, line, column, code, problem.message, problem.advice)


@dataclass(slots=True)
class _Reading:
    """One pass over a file's values: what was found wrong so far, and the top-level values that are right."""

    findings: list[Finding]
    top: dict[str, Any] = field(default_factory=dict)

    def read_model(self, model: type[Model], data: Any, loc: Loc) -> Model | Refused:
        """Build a section, or return `REFUSED` after noting why it cannot be built."""
        if isinstance(data, Refused):
            return data
        if not isinstance(data, dict):
            self.findings.append(Finding(loc, _not_a_mapping(data)))
            return REFUSED
        before = len(self.findings)
        self._refuse_unknown(model, data, loc)
        parts = self._read_parts(model, data, loc)
        if not loc:
            self.top = parts
        self.findings.extend(finding.below(loc) for finding in model.cross_check(parts))
        clean = all(finding.severity == "warning" for finding in self.findings[before:])
        return model.model_validate(parts) if clean and len(parts) == len(model.model_fields) else REFUSED

    def _refuse_unknown(self, model: type[FileModel], data: Mapping[str, Any], loc: Loc) -> None:
        known = list(model.model_fields)
        for key in data:
            here = (*loc, key)
            if key in model.removed_keys:
                self.findings.append(Finding(here, model.removed_keys[key], {"key": key}, on_key=True))
            elif key not in known:
                context = {"key": key, "known": ", ".join(known)}
                self.findings.append(nearest(here, "unknown_key", key, known, context, on_key=True))

    def _read_parts(self, model: type[FileModel], data: Mapping[str, Any], loc: Loc) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        for name, info in model.model_fields.items():
            here = (*loc, name)
            if name in data:
                before = len(self.findings)
                value = self._read_field(model, name, info, data[name], here)
                if all(finding.severity == "warning" for finding in self.findings[before:]) and value is not REFUSED:
                    parts[name] = value
            elif info.is_required():
                self.findings.append(Finding(here, "missing_key", {"key": name}))
            else:
                parts[name] = info.get_default(call_default_factory=True, validated_data={})
        return parts

    def _read_field(self, model: type[FileModel], name: str, info: FieldInfo, data: Any, loc: Loc) -> Any:
        if data is None:
            self.findings.append(Finding(loc, "empty_value", {"key": name}))
            return REFUSED
        below, is_list = _model_below(info.annotation)
        if below is None:
            return self._read_leaf(model, name, data, loc)
        if not is_list:
            return self.read_model(below, data, loc)
        if not isinstance(data, list):
            self.findings.append(Finding(loc, "expected_list"))
            return REFUSED
        items = tuple(self.read_model(below, item, (*loc, place)) for place, item in enumerate(data))
        return REFUSED if REFUSED in items else items

    def _read_leaf(self, model: type[FileModel], name: str, data: Any, loc: Loc) -> Any:
        if _holds_refused(data):
            return REFUSED
        try:
            return _adapter(model, name).validate_python(data)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self.findings.append(_finding(model, name, loc, dict(detail)))
            return REFUSED


def nearest(
    loc: Loc,
    code: str,
    word: str,
    known: Iterable[str],
    context: Mapping[str, str],
    *,
    on_key: bool = False,
    offset: int | None = None,
) -> Finding:
    """A finding about an unknown word: of `<code>_near` if some known word looks like it, else of `code`."""
    close = get_close_matches(word.casefold(), sorted(known), n=1, cutoff=0.6)
    if close:
        return Finding(loc, f"{code}_near", {**context, "near": close[0]}, offset=offset, on_key=on_key)
    return Finding(loc, code, context, offset=offset, on_key=on_key)


def _finding(model: type[FileModel], name: str, loc: Loc, detail: Mapping[str, Any]) -> Finding:
    """Turn one of pydantic's errors into a finding of ours."""
    inner = tuple(detail["loc"])
    on_key = bool(inner) and inner[-1] == "[key]"
    here = loc + (inner[:-1] if on_key else inner)
    context = {key: str(value) for key, value in detail.get("ctx", {}).items()}
    offset = int(context.pop("offset")) if "offset" in context else None
    if "item" in context:
        here = (*here, int(context.pop("item")))
    if detail["type"] == "literal_error":
        choices = choices_of(model.model_fields[name].annotation)
        word = str(detail["input"])
        return nearest(here, "not_a_choice", word, choices, {"raw": word, "choices": ", ".join(choices)}, on_key=on_key)
    return Finding(here, str(detail["type"]), context, offset=offset, on_key=on_key)


def _not_a_mapping(data: Any) -> str:
    return "full_width_colon" if isinstance(data, str) and "：" in data else "expected_mapping"


def _holds_refused(data: Any) -> bool:
    if isinstance(data, dict):
        return any(map(_holds_refused, data.values()))
    if isinstance(data, list):
        return any(map(_holds_refused, data))
    return data is REFUSED


@cache
def _adapter(model: type[FileModel], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    annotated: Any = Annotated[info.annotation, info]
    return TypeAdapter(annotated)


def _model_below(annotation: Any) -> tuple[type[FileModel] | None, bool]:
    """The model a field holds, if any, and whether it holds a list of them."""
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, FileModel):
            return part, False
        if typing.get_origin(part) is tuple:
            below, _ = _model_below(typing.get_args(part)[0])
            if below is not None:
                return below, True
    return None, False


def _parts(annotation: Any) -> tuple[Any, ...]:
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _parts(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return tuple(part for each in typing.get_args(annotation) for part in _parts(each))
    return (annotation,)


def choices_of(annotation: Any) -> list[str]:
    """The words a field allows, wherever its annotation lists them."""
    if typing.get_origin(annotation) is Literal:
        return [str(each) for each in typing.get_args(annotation)]
    return [word for each in typing.get_args(annotation) for word in choices_of(each)]


def _is_secret(model: type[FileModel], loc: Loc) -> bool:
    """Whether a place lies under a key whose values appear in no message."""
    for step in loc:
        if isinstance(step, str):
            if step.split("\0")[0] in model.secret_keys:
                return True
            info = model.model_fields.get(step)
            below, _ = _model_below(info.annotation) if info else (None, False)
            model = below or model
    return False
