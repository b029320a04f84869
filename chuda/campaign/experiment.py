"""A test of one thing: two to five variants that differ in the send slot, the offer or the call to action.

How the difference is told: a variant declares only what belongs to the experiment's variable. For `send_slot` that is
`slot`. For `offer` and `call_to_action` it is `variables` whose names begin with that word, or `text`: whole texts that
may differ in one stretch of clauses and must be equal in the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Annotated, Any, Literal

from pydantic import Field

from chuda.campaign.slot import SlotText, overlap
from chuda.campaign.template import MessageText, find_placeholders
from chuda.files import Finding
from chuda.files.model import FileModel
from chuda.files.types import Constants, Flag, Items, Money, Number, Slug, Whole

TestedVariable = Literal["send_slot", "offer", "call_to_action"]
PrimaryMetric = Literal["clicks", "conversions"]

_CLAUSE = re.compile(r"[^，。；！？、,;!?\s：:】]+[，。；！？、,;!?\s：:】]*|[，。；！？、,;!?\s：:】]+")


class Layer(FileModel):
    """The part of a layer of mutually exclusive tests that this one draws its sample from: buckets [from, to)."""

    name: Slug = Field("default", description="互斥层的名字；同层的测试不共用人 / tests of one layer share nobody")
    low: Annotated[Decimal, Number("0", "1")] = Field(Decimal(0), description="从哪里起，0–1 / where its part begins")
    high: Annotated[Decimal, Number("0", "1")] = Field(Decimal(1), description="到哪里止，0–1 / where it ends")

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """The part must hold somebody."""
        if {"low", "high"} <= parts.keys() and parts["low"] >= parts["high"]:
            yield Finding(("high",), "layer_empty", {"low": str(parts["low"]), "high": str(parts["high"])})


class Variant(FileModel):
    """One arm: its name and the one thing in which it differs from the others."""

    name: Slug = Field(description="版本名 / its name")
    slot: SlotText | None = Field(None, description="variable: send_slot 时的时段 / its slot")
    text: MessageText | None = Field(None, description="整条文案（渠道不支持变量时） / its whole text")
    variables: Constants = Field(default_factory=dict, description="本版本的变量 / its variables")
    cost_cny: Money = Field(Decimal(0), description="平均每条短信的让利成本（元） / cost of the offer per message, CNY")


class Experiment(FileModel):
    """What is tested, on whom, by which metric, and what happens when the answer is not clear."""

    mode: Literal["sample", "full"] = Field(
        "sample", description="sample 先测 10–15% 再推广；full 全量学习 / sample first, or all"
    )
    variable: TestedVariable = Field(description="唯一变量 / the one thing tested")
    variants: Items[Variant] = Field(
        description="两到五个版本 / two to five variants", json_schema_extra={"minItems": 2, "maxItems": 5}
    )
    sample: Annotated[Decimal, Number("0.10", "0.15", "sample_range")] | None = Field(
        None, description="样本比例 0.10–0.15 / share of the audience in the test"
    )
    primary_metric: PrimaryMetric = Field(description="主要指标 / the metric that decides")
    window_hours: Annotated[int, Whole(1, 168)] = Field(48, description="观察多少小时 / hours of observation")
    target_mde: Annotated[Decimal, Number("0.001", "0.5")] = Field(
        Decimal("0.03"),
        description="想看清的最小差异（绝对值，0.02 = 2 个百分点） / smallest difference worth seeing, absolute",
    )
    holdout: Annotated[Decimal, Number("0", "0.2")] = Field(
        Decimal(0), description="不发送的对照比例 / share that gets nothing"
    )
    layer: Layer | None = Field(
        None, description="与其他测试互斥的层；不写则为 default 层的全部 / its part of a layer of exclusive tests"
    )
    fallback: Slug = Field(description="分不出胜负时用哪个版本 / the variant to send when nothing is proven")
    send_leader_unproven: Flag = Field(
        False, description="未分胜负也用领先者（须成本相同） / send the leader even if unproven"
    )
    indifference: Annotated[Decimal, Number("0.0001", "0.1")] | None = Field(
        None, description="小于它的差异视为一样（绝对值） / differences below it count as none, absolute"
    )

    @classmethod
    def cross_check(cls, parts: Mapping[str, Any]) -> Iterable[Finding]:
        """One variable, distinct variants, a sample in the sampling mode only, a known fallback, equal costs."""
        yield from _check_mode(parts)
        yield from _check_fallback(parts)
        if "variants" not in parts:
            return
        yield from _check_names(parts["variants"])
        if "variable" in parts:
            yield from _check_fields(parts["variable"], parts["variants"])
            yield from _check_texts(parts["variants"])
        yield from _check_costs(parts)


def _check_mode(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if not {"mode", "sample"} <= parts.keys():
        return
    if parts["mode"] == "sample" and parts["sample"] is None:
        yield Finding(("sample",), "sample_missing")
    if parts["mode"] == "full" and parts["sample"] is not None:
        yield Finding(("sample",), "sample_in_full_mode", on_key=True)
    layer = parts.get("layer")
    if parts["mode"] == "full" and layer is not None and (layer.low, layer.high) != (0, 1):
        yield Finding(("layer",), "layer_in_full_mode", on_key=True)
    target, indifference = parts.get("target_mde"), parts.get("indifference")
    if target is not None and indifference is not None and indifference >= target:
        yield Finding(("indifference",), "indifference_too_wide", {"target": str(target)})


def _check_fallback(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if not {"variants", "fallback"} <= parts.keys():
        return
    names = [variant.name for variant in parts["variants"]]
    if parts["fallback"] not in names:
        yield Finding(("fallback",), "unknown_fallback", {"known": ", ".join(names)})


def _check_names(variants: Sequence[Variant]) -> Iterator[Finding]:
    if not 2 <= len(variants) <= 5:
        yield Finding(("variants",), "variant_count", {"count": str(len(variants))})
    for place, variant in enumerate(variants):
        if variant.name in [each.name for each in variants[:place]]:
            yield Finding(("variants", place, "name"), "variant_name_twice", {"name": variant.name})


def _check_fields(variable: str, variants: Sequence[Variant]) -> Iterator[Finding]:
    """Each variant declares its own part of the tested variable and nothing that belongs to another."""
    for place, variant in enumerate(variants):
        here = ("variants", place)
        context = {"name": variant.name, "variable": variable}
        if variable == "send_slot":
            yield from _check_slot_variant(here, variant, context)
            continue
        if variant.slot is not None:
            yield Finding((*here, "slot"), "variant_also_slot", context, on_key=True)
        for key in variant.variables:
            if key != variable and not key.startswith(f"{variable}_"):
                yield Finding(
                    (*here, "variables", key), "variant_foreign_variable", {**context, "key": key}, on_key=True
                )
        if variant.text is not None and variant.variables:
            yield Finding((*here, "variables"), "variant_text_and_variables", context, on_key=True)
        if variant.text is None and not variant.variables:
            yield Finding(here, "variant_says_nothing", context)
    yield from _check_differ(variable, variants)


def _check_slot_variant(here: tuple[str, int], variant: Variant, context: Mapping[str, str]) -> Iterator[Finding]:
    if variant.slot is None:
        yield Finding(here, "variant_without_slot", context)
    if variant.text is not None:
        yield Finding((*here, "text"), "variant_also_text", context, on_key=True)
    if variant.variables:
        yield Finding((*here, "variables"), "variant_also_text", context, on_key=True)


def _check_differ(variable: str, variants: Sequence[Variant]) -> Iterator[Finding]:
    """Two variants that say the same, or that cannot be told apart afterwards, test nothing."""
    for place, variant in enumerate(variants):
        for other in variants[:place]:
            context = {"name": variant.name, "other": other.name}
            code = _sameness(variable, variant, other)
            if code is not None:
                key = {"variant_slots_overlap": ("slot",), "variants_other_keys": ("variables",)}.get(code, ())
                yield Finding(("variants", place, *key), code, context)
                break


def _sameness(variable: str, one: Variant, other: Variant) -> str | None:
    """The code of what keeps two variants from being compared, if anything does."""
    if variable == "send_slot":
        return "variant_slots_overlap" if one.slot and other.slot and overlap(one.slot, other.slot) else None
    own, others = _own_keys(variable, one), _own_keys(variable, other)
    if not (own or one.text) or not (others or other.text):
        return None
    if own != others:
        return "variants_other_keys"
    same = (one.text, one.variables) == (other.text, other.variables)
    return "variants_equal" if same else None


def _own_keys(variable: str, variant: Variant) -> set[str]:
    """The variables of a variant that belong to the tested one."""
    return {key for key in variant.variables if key == variable or key.startswith(f"{variable}_")}


def _check_texts(variants: Sequence[Variant]) -> Iterator[Finding]:
    """Whole texts may differ in one stretch of clauses; their variables, but for the link, must be the same."""
    first = variants[0] if variants else None
    if first is None or first.text is None:
        return
    for place, variant in enumerate(variants[1:], start=1):
        if variant.text is None:
            continue
        loc = ("variants", place, "text")
        context = {"name": variant.name, "other": first.name}
        second = _second_difference(first.text, variant.text)
        if second is not None:
            yield Finding(loc, "variant_texts_differ_twice", context, offset=second)
        if _own_variables(first.text) != _own_variables(variant.text):
            yield Finding(loc, "variant_texts_other_variables", context)


def _own_variables(text: str) -> set[str]:
    return {each.name for each in find_placeholders(text)} - {"link"}


def _second_difference(one: str, other: str) -> int | None:
    """Where in `other` a second, separate difference begins (characters from 0), or None if there is at most one."""
    here, there = _CLAUSE.findall(one), _CLAUSE.findall(other)
    changes = [each for each in SequenceMatcher(None, here, there, autojunk=False).get_opcodes() if each[0] != "equal"]
    return len("".join(there[: changes[1][3]])) if len(changes) > 1 else None


def _check_costs(parts: Mapping[str, Any]) -> Iterator[Finding]:
    if not parts.get("send_leader_unproven"):
        return
    if len({variant.cost_cny for variant in parts["variants"]}) > 1:
        yield Finding(("send_leader_unproven",), "leader_needs_equal_costs")
