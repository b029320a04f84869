"""How a person is addressed: surname and title, or a neutral greeting where either is unknown.

`王先生` / `张女士` (`Mr Wang` / `Ms Zhang`); without surname or gender `您好` (`Hello`). Templates therefore write
`{salutation}，…`, which reads well in both cases.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from tasks.content.variables import BLANKS, Language

# fmt: off
COMPOUND_SURNAMES = (
    "欧阳", "上官", "司马", "诸葛", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "令狐",
    "东方", "端木", "独孤", "南宫", "司徒", "司空", "长孙", "宇文", "轩辕", "西门",
    "百里", "呼延", "钟离", "闻人", "澹台", "申屠", "公冶", "太史", "濮阳", "淳于",
    "单于", "仲孙", "鲜于", "拓跋", "万俟", "赫连", "歐陽", "諸葛", "東方", "司馬",
)
# fmt: on
_TITLES: Mapping[Language, Mapping[str, str]] = {
    "zh-Hans": {"m": "先生", "f": "女士"},
    "zh-Hant": {"m": "先生", "f": "女士"},
    "en": {"m": "Mr ", "f": "Ms "},
}
_NEUTRAL: Mapping[Language, str] = {"zh-Hans": "您好", "zh-Hant": "您好", "en": "Hello"}
_FAMILY = rf"^((?:{'|'.join(COMPOUND_SURNAMES)})|[㐀-䶿一-鿿])"


def salute(surname: object, gender: object, language: Language, neutral: str | None = None) -> str:
    """The salutation of one person; `gender` is `m`, `f` or None; `neutral` replaces the greeting of the language."""
    family = "" if surname is None else str(surname).strip(BLANKS)
    title = _TITLES[language].get(str(gender), "")
    if not family or not title:
        return _NEUTRAL[language] if neutral is None else neutral
    return title + family if language == "en" else family + title


def salutation_expression(surname: pl.Expr, gender: pl.Expr, language: Language, neutral: str | None = None) -> pl.Expr:
    """Column twin of `salute` (String, never NULL)."""
    family = surname.cast(pl.String).str.strip_chars(BLANKS).fill_null("")
    titles = _TITLES[language]
    title = gender.cast(pl.String).replace_strict(
        list(titles), list(titles.values()), default=None, return_dtype=pl.String
    )
    whole = title + family if language == "en" else family + title
    greeting = _NEUTRAL[language] if neutral is None else neutral
    return pl.when((family != "") & title.is_not_null()).then(whole).otherwise(pl.lit(greeting))


def surname_expression(name: pl.Expr) -> pl.Expr:
    """The surname of a Chinese name, compound ones included; NULL for a Latin name or a nickname in digits."""
    return name.str.strip_chars(BLANKS).str.extract(_FAMILY, 1)
