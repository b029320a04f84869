"""What changed between two plans: people, texts, cost and times, for whoever approved the first and is asked again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from chuda.phones import mask_phones
from tasks.planning.figures import PlanFigures, masked_text, read_figures
from tasks.planning.summary import Language, Words


@dataclass(frozen=True, slots=True)
class RewrittenText:
    """What one person would have got before and gets now; numbers and the name masked."""

    variant: str | None
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """Two plans side by side. People are counted by token: `added` get something now, `removed` no longer do,
    `retexted` get another text, `moved` another time or variant. `reasons` are (old, new) people by reason, `keys` the
    changed places of the campaign file and the channel record, `examples` one rewritten text per variant.
    """

    old: PlanFigures
    new: PlanFigures
    added: int
    removed: int
    same: int
    retexted: int
    moved: int
    reasons: dict[str, tuple[int, int]]
    keys: tuple[str, ...]
    examples: tuple[RewrittenText, ...]

    @property
    def is_none(self) -> bool:
        """Whether the two plans do the same."""
        return self.old.plan_id == self.new.plan_id

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        counts = {name: value for name, value in asdict(self).items() if name not in ("old", "new")}
        return {"old": self.old.to_json(), "new": self.new.to_json(), **counts}


_PEOPLE = """
WITH old AS (SELECT token, text, variant, send_at FROM plan_message WHERE plan_id = $old),
new AS (SELECT token, text, variant, send_at FROM plan_message WHERE plan_id = $new)
SELECT count(*) FILTER (old.token IS NULL), count(*) FILTER (new.token IS NULL),
       count(*) FILTER (old.token = new.token),
       count(*) FILTER (old.token = new.token AND old.text IS DISTINCT FROM new.text),
       count(*) FILTER (old.token = new.token AND (old.variant IS DISTINCT FROM new.variant
                                                  OR old.send_at IS DISTINCT FROM new.send_at))
FROM old FULL JOIN new ON old.token = new.token
"""
_EXAMPLES = f"""
WITH ranked AS (
    SELECT new.variant, {masked_text("old.text")} AS old_text, {masked_text("new.text")} AS new_text,
           row_number() OVER (PARTITION BY new.variant ORDER BY new.token) AS rank
    FROM plan_message old
    JOIN plan_message new ON new.token = old.token AND new.variant IS NOT DISTINCT FROM old.variant
    LEFT JOIN contact_clean c ON c.token = new.token
    WHERE old.plan_id = $old AND new.plan_id = $new AND old.text <> new.text
)
SELECT variant, old_text, new_text FROM ranked WHERE rank = 1 ORDER BY variant
"""
_KEYS = "SELECT campaign, channel_record FROM plan_made WHERE plan_id = ?"


def compare_plans(connection: Any, old_id: str, new_id: str) -> PlanDifference:
    """Compare two published plans.

    Raises:
        UsageError: one of them does not exist.
    """
    old, new = read_figures(connection, old_id), read_figures(connection, new_id)
    added, removed, same, retexted, moved = connection.execute(_PEOPLE, {"old": old_id, "new": new_id}).fetchone()
    names = sorted(old.reasons.keys() | new.reasons.keys())
    reasons = {name: (old.reasons.get(name, 0), new.reasons.get(name, 0)) for name in names}
    keys = tuple(_changed_keys(connection, old_id, new_id))
    rows = connection.execute(_EXAMPLES, {"old": old_id, "new": new_id}).fetchall()
    examples = tuple(RewrittenText(variant, mask_phones(was), mask_phones(now)) for variant, was, now in rows)
    return PlanDifference(old, new, added, removed, same, retexted, moved, reasons, keys, examples)


def _changed_keys(connection: Any, old_id: str, new_id: str) -> Iterator[str]:
    """The keys of campaign file and channel record that differ, as paths."""
    rows = [connection.execute(_KEYS, [plan_id]).fetchone() for plan_id in (old_id, new_id)]
    for place, name in enumerate(("", "channel ")):
        old, new = (json.loads(row[place]) for row in rows)
        yield from (name + path for path in changed_paths(old, new))


def changed_paths(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The paths of values that differ between two nested mappings; lists are compared whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from changed_paths(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif old != new:
        yield path


def difference_lines(found: PlanDifference, language: Language) -> list[str]:
    """The difference in words; one line says so if there is none."""
    words = Words(language)
    old, new = found.old, found.new
    if found.is_none:
        return [words.say(f"{new.plan_id}：没有变化", f"{new.plan_id}: nothing changed")]
    return [
        words.say(f"与 {old.plan_id} 相比", f"Compared with {old.plan_id}"),
        *_key_lines(found, words),
        *_people_lines(found, words),
        *_money_and_time_lines(old, new, words),
        *_text_lines(found),
    ]


def _key_lines(found: PlanDifference, words: Words) -> Iterator[str]:
    if found.keys:
        yield words.say("  文件改动：", "  changed in the files: ") + ", ".join(found.keys)


def _people_lines(found: PlanDifference, words: Words) -> Iterator[str]:
    yield _line(words.say("发送人数", "people"), found.old.planned, found.new.planned)
    yield words.say(
        f"    新增 {found.added:,}，移出 {found.removed:,}，都有 {found.same:,}",
        f"    {found.added:,} added, {found.removed:,} removed, {found.same:,} in both",
    )
    yield words.say(
        f"    其中换文字 {found.retexted:,}，换时间或方案 {found.moved:,}",
        f"    of these another text for {found.retexted:,}, another time or variant for {found.moved:,}",
    )
    for reason, (was, now) in found.reasons.items():
        if was != now:
            yield _line(f"  {words.reason(reason)}", was, now)


def _money_and_time_lines(old: PlanFigures, new: PlanFigures, words: Words) -> Iterator[str]:
    yield _line(words.say("计费条数", "parts"), old.parts, new.parts)
    yield _line(words.say("最多花费 ¥", "cost at most, ¥"), old.cost.at_most_cny, new.cost.at_most_cny)
    for name, was, now in (
        (words.say("开始", "starts"), old.opens_at, new.opens_at),
        (words.say("最后一条约", "the last one leaves about"), old.done_at, new.done_at),
    ):
        same = words.day(was) == words.day(now)
        yield f"  {name} {words.day(was)}" + ("" if same else f" → {words.day(now)}")


def _text_lines(found: PlanDifference) -> Iterator[str]:
    for example in found.examples:
        label = f"[{example.variant}] " if example.variant else ""
        yield f"  - {label}{example.old}"
        yield f"  + {label}{example.new}"


def _line(name: str, was: int | Decimal, now: int | Decimal) -> str:
    return f"  {name} {now:,}" if was == now else f"  {name} {was:,} → {now:,} ({now - was:+,})"
