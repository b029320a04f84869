"""Every template of the library passes the checks, is personal and fits into one part with typical values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from chuda.errors import UsageError
from tasks.content.checks import check_text
from tasks.content.context import ContentContext
from tasks.content.parts import DEFAULT_MAX_UNITS, Region, count_units
from tasks.content.scenarios import Scenario, load_library
from tasks.content.template_checks import check_template
from tasks.content.templates import Template, render_one
from tasks.content.variables import Language

MakeContext = Callable[..., ContentContext]
LIBRARY = load_library(Path(__file__).parents[3] / "data" / "reference" / "templates")
TRADES = {
    "account", "restaurant", "after_sales", "holiday", "appointment", "wake_up", "mother_baby", "education", "retail",
}  # fmt: skip


def variants(scenario: Scenario) -> list[tuple[Language, Template]]:
    shorter: list[tuple[Language, Template]] = [("zh-Hans", scenario.shorter)] if scenario.shorter else []
    return [*scenario.texts.items(), *shorter]


def test_every_trade_has_five_to_eight_templates() -> None:
    counts = Counter(scenario.trade for scenario in LIBRARY.values())
    assert set(counts) == TRADES
    assert all(5 <= count <= 8 for count in counts.values())


@pytest.mark.parametrize("scenario", LIBRARY.values(), ids=list(LIBRARY))
def test_it_passes_every_check_with_typical_values(scenario: Scenario, make_context: MakeContext) -> None:
    for language, template in variants(scenario):
        typical = scenario.typical[language]
        region: Region = "CN" if language == "zh-Hans" else "HK"
        context = make_context(
            signatures=(typical["signature"],),
            message_type=scenario.message_type,
            trade=scenario.trade,
            opt_out_wording="拒收请回复R" if language == "zh-Hans" else None,
            region=region,
        )
        bound = template.bind({"signature": typical["signature"]})
        text = render_one(bound, typical)
        assert text is not None, f"{scenario.id}: a variable has no typical value"
        assert check_template(bound, context, typical) == []
        assert check_text(text, context) == []
        assert count_units(text, region) <= DEFAULT_MAX_UNITS


@pytest.mark.parametrize("scenario", LIBRARY.values(), ids=list(LIBRARY))
def test_it_is_personal_and_concrete(scenario: Scenario) -> None:
    names = scenario.texts["zh-Hans"].variables
    assert names[:2] == ("signature", "salutation")
    assert len(set(names) - {"signature", "salutation"}) >= 2
    if scenario.message_type == "marketing":
        assert {"shop", "points", "course", "item", "child"} & set(names)
        assert scenario.texts["zh-Hans"].source.endswith(" 拒收请回复R")


@pytest.mark.parametrize("scenario", [each for each in LIBRARY.values() if each.shorter], ids=lambda each: each.id)
def test_the_shorter_text_is_shorter(scenario: Scenario) -> None:
    assert scenario.shorter is not None
    typical = scenario.typical["zh-Hans"]
    full, short = render_one(scenario.texts["zh-Hans"], typical), render_one(scenario.shorter, typical)
    assert full is not None and short is not None and len(short) < len(full)


def write_library(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_a_mistake_in_the_library_is_named(tmp_path: Path) -> None:
    write_library(
        tmp_path,
        {
            "own": "trade: own\nname: 自用\ntypical: {shop: 总店}\ntemplates:\n"
            "  - {id: one, name: 一, type: marketing, texts: {zh_hans: '【商家】到{shp} 拒收请回复R'}}\n"
        },
    )
    with pytest.raises(UsageError, match=r"own\.yaml: template “one”.*did you mean \{shop\}"):
        load_library(tmp_path)


def test_a_template_id_is_used_once(tmp_path: Path) -> None:
    text = (
        "trade: own\nname: 自用\ntypical: {shop: 总店}\ntemplates:\n"
        "  - {id: one, name: 一, type: marketing, texts: {zh_hans: '【商家】到{shop} 拒收请回复R'}}\n"
    )
    write_library(tmp_path, {"a": text, "b": text})
    with pytest.raises(UsageError, match="own/one"):
        load_library(tmp_path)
