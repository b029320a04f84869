"""The opt-out instruction of a text: where it names its keyword, and whether that keyword is one we understand."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from tasks.content.folding import fold, spaced_expression
from tasks.content.replies import OPT_OUT, ReplyWords, classify_replies, classify_reply

_ACTION = "(?:退订|拒收|取消订阅|取消接收|不再接收|unsubscribe|opt ?out|stop)"
_REPLY = "(?:回[复覆]|回|发送|发|reply|text|send)"
_WORD = "([a-z0-9]+|退订|拒收|取消)"
# 拒收请回复R, 退订回T, Unsubscribe: reply R
_ACTION_FIRST = rf"{_ACTION} ?(?:短信|信息|推送)? ?\n?(?:请|please)? ?{_REPLY} ?(?:短信|to)? ?\n?{_WORD}"
# 回复TD退订, 回T即可拒收, Reply STOP to opt out
_REPLY_FIRST = rf"{_REPLY} ?([a-z0-9]+) ?(?:即可|可|就|to)? ?{_ACTION}"
_PATTERNS = (_REPLY_FIRST, _ACTION_FIRST)


_SIGNS = "(?i)退|拒|取消|接收|unsub|opt|stop|[ａ-ｚＡ-Ｚ]"
"""Without any of these a text holds no instruction, whatever it looks like folded."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """An opt-out instruction: its keyword (folded), where that stands, and whether a reply with it is understood."""

    keyword: str
    start: int
    end: int
    is_understood: bool


def find_instructions(text: str, words: ReplyWords) -> list[Instruction]:
    """All opt-out instructions of a text, in its order."""
    folded = fold(text, words.forms)
    found = [match for pattern in _PATTERNS for match in re.finditer(pattern, folded.spaced)]
    instructions = [
        Instruction(
            match[1],
            folded.spaced_origins[match.start(1)],
            folded.spaced_origins[match.end(1) - 1] + 1,
            classify_reply(match[1], words) == OPT_OUT,
        )
        for match in found
    ]
    return sorted(instructions, key=lambda each: each.start)


def instruction_expressions(text: pl.Expr, words: ReplyWords) -> tuple[pl.Expr, pl.Expr]:
    """Column twins: whether a text has an instruction, and whether the keywords of all are understood."""
    spaced = spaced_expression(text, words.forms)
    keywords = pl.concat_list(
        *(spaced.str.extract_all(pattern).list.eval(pl.element().str.extract(pattern, 1)) for pattern in _PATTERNS)
    )
    understood = keywords.list.eval(classify_replies(pl.element(), words) == OPT_OUT)
    return keywords.list.len() > 0, understood.list.all()


def has_only_ending(text: pl.Expr, wording: str) -> pl.Expr:
    """Whether a text ends with the wording and surely holds no other instruction (cheap, may say no too often)."""
    before = text.str.head(-len(wording))
    return text.str.ends_with(wording) & ~before.str.contains(_SIGNS)
