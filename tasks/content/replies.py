"""What a reply means: a complaint, an opt-out, a campaign's keyword, or something a person has to read.

One text in Python and a column in Polars, the same result. Replies are folded first, so `r。`, `ＴＤ`, ` 退 訂！`
and `退订谢谢` are what their writers meant. A complaint comes before an opt-out (both suppress), an opt-out before a
keyword. Source: domain.md §5; the words are in `opt_out_words.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from chuda.errors import UsageError
from chuda.files.model import FileModel
from chuda.files.reader import load_yaml
from chuda.files.types import Texts
from tasks.content.folding import CLAUSE_BREAK, fold, spaced_expression, tight_expression

OPT_OUT = "opt_out"
COMPLAINT = "complaint"
OTHER = "other"
KEYWORD_PREFIX = "keyword:"

_NOTHING = "$."
"""Matches nothing: what an empty list of words compiles to."""


class OptOutFile(FileModel):
    """Words that end a person's consent."""

    whole: Texts
    anywhere: Texts
    exceptions: Texts = ()


class ComplaintFile(FileModel):
    """Words and hotline numbers of a complaint."""

    anywhere: Texts
    numbers: Texts = ()


class CourtesyFile(FileModel):
    """What people put around a keyword."""

    before: Texts
    after: Texts


class ReplyWordsFile(FileModel):
    """The whole of `opt_out_words.yaml`."""

    opt_out: OptOutFile
    complaint: ComplaintFile
    courtesy: CourtesyFile


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """The reply words compiled; every source is valid in Python and in Polars."""

    opt_out: str
    opt_out_exceptions: str
    complaint: str
    before: str
    after: str
    forms: Mapping[str, str]

    def whole(self, words: Iterable[str]) -> str:
        """The pattern of a reply that is one of `words`, alone or repeated, with courtesy around it."""
        return f"^(?:{self.before})*(?:{_any(words, self.forms) or _NOTHING})+(?:{self.after})*$"


def load_reply_words(path: Path, forms: Mapping[str, str]) -> ReplyWords:
    """Load `opt_out_words.yaml`; `forms` is the table of traditional characters."""
    file = load_yaml(path, ReplyWordsFile)
    before, after = _any(file.courtesy.before, forms), _any(file.courtesy.after, forms)
    numbers = "|".join(f"(?:^|[^0-9]){re.escape(number)}(?:[^0-9]|$)" for number in file.complaint.numbers)
    complaint = _any(file.complaint.anywhere, forms) + (f"|{numbers}" if numbers else "")
    blank = ReplyWords("", "", complaint, before, after, forms)
    return ReplyWords(
        opt_out=f"{blank.whole(file.opt_out.whole)}|{_any(file.opt_out.anywhere, forms)}",
        opt_out_exceptions=_any(file.opt_out.exceptions, forms) or _NOTHING,
        complaint=complaint,
        before=before,
        after=after,
        forms=forms,
    )


def classify_reply(text: str, words: ReplyWords, keywords: Sequence[str] = ()) -> str:
    """`opt_out`, `complaint`, `keyword:X` (X as the campaign wrote it) or `other`."""
    reply = fold(text, words.forms).tight.replace(CLAUSE_BREAK, "")
    if re.search(words.complaint, reply):
        return COMPLAINT
    if re.search(words.opt_out, re.sub(words.opt_out_exceptions, "", reply)):
        return OPT_OUT
    for keyword in keywords:
        if re.search(words.whole([keyword]), reply):
            return KEYWORD_PREFIX + keyword
    return OTHER


def classify_replies(text: pl.Expr, words: ReplyWords, keywords: Sequence[str] = ()) -> pl.Expr:
    """Column twin of `classify_reply` (String); a NULL text is `other`."""
    tight = tight_expression(spaced_expression(text.fill_null(""), words.forms))
    reply = tight.str.replace_all(CLAUSE_BREAK, "", literal=True)
    meaning = (
        pl.when(reply.str.contains(words.complaint))
        .then(pl.lit(COMPLAINT))
        .when(reply.str.replace_all(words.opt_out_exceptions, "").str.contains(words.opt_out))
        .then(pl.lit(OPT_OUT))
    )
    for keyword in keywords:
        meaning = meaning.when(reply.str.contains(words.whole([keyword]))).then(pl.lit(KEYWORD_PREFIX + keyword))
    return meaning.otherwise(pl.lit(OTHER))


def check_keywords(keywords: Iterable[str], words: ReplyWords) -> None:
    """Raise `UsageError` for a campaign keyword that means an opt-out or a complaint, or folds to nothing."""
    for keyword in keywords:
        meaning = classify_reply(keyword, words, [keyword])
        if meaning != KEYWORD_PREFIX + keyword:
            raise UsageError(
                f"the reply keyword “{keyword}” cannot be used: a reply with it is read as “{meaning}”; "
                "choose a letter or word such as Y or 领券"
            )


def _any(words: Iterable[str], forms: Mapping[str, str]) -> str:
    folded = {fold(word, forms).tight.replace(CLAUSE_BREAK, "") for word in words} - {""}
    return "|".join(map(re.escape, sorted(folded, key=lambda word: (-len(word), word))))
