"""Names and what they tell: the surname to greet somebody by, and a gender where a title gives it away."""

from __future__ import annotations

import polars as pl

from tasks.contacts.surnames import COMPOUND, SINGLE
from tasks.contacts.text import filled, fold, only_where

_IN_BRACKETS = r"[(\[{<【《「][^)\]}>】》」]*[)\]}>】》」]?"
_NOT_OF_A_NAME = r"[^\p{L}\p{M} ·.'’-]+"
_MIDDLE_DOTS = "[•・‧∙]"
_POLITE = "^(?:尊敬的|亲爱的|敬爱的)"
_ENGLISH_TITLE = r"(?i)^(mr|mrs|ms|miss|madam|dr|prof)\b\.? *"
_MALE_TITLES = ("先生", "大哥", "哥哥", "叔叔", "大叔", "大爷", "少爷")
_FEMALE_TITLES = ("女士", "女仕", "小姐", "太太", "夫人", "阿姨", "大姐", "姐姐", "大妈", "美女")
_TITLE_WORDS = (
    "老师 老師 同学 同學 总经理 經理 经理 董事长 主任 医生 醫生 大夫 教授 律师 律師 师傅 師傅 老板 老闆 店长 校长 院长 "
    "博士 会计 护士 局长 处长 科长 部长 书记 主管 总监 顾问 工程师 教练"
)
_OTHER_TITLES = tuple(_TITLE_WORDS.split())
_SHORT_TITLES = {"哥": "m", "叔": "m", "爷": "m", "姐": "f", "姨": "f", "嫂": "f"}
_SHORT_OTHER_TITLES = "总總董工局处科导"
_NOBODY_WORDS = (
    "无 未知 匿名 无名 不详 客户 用户 会员 顾客 游客 访客 匿名用户 微信用户 手机用户 新用户 新客户 测试 "
    "测试用户 没有 暂无 null none nan na n.a test unknown user guest anonymous"
)
_NOBODY = tuple(_NOBODY_WORDS.split())
_ORGANISATION = r"公司|集团|商行|工作室|超市|酒店|餐厅|医院|学校|中心|[店厂馆铺社部院]$"
_LONGEST_CHINESE_NAME = 4
_LONGEST_NAME = 60

_TITLES = (*_MALE_TITLES, *_FEMALE_TITLES, *_OTHER_TITLES)
# The shortest stem goes first, so that of 总经理 and 经理 the longer title is found.
_TITLED = rf"^(\p{{Han}}+?)({'|'.join(_TITLES)})$"
_SHORT_TITLED = rf"^(\p{{Han}}{{1,2}})([{''.join(_SHORT_TITLES)}{_SHORT_OTHER_TITLES}])$"


def read_names(texts: pl.LazyFrame) -> pl.LazyFrame:
    """A reader of names: value (trimmed, folded, without title), surname (NULL unless sure), title_gender (f, m, NULL).

    Numbers and bracketed remarks are dropped; `王先生` is the name 王. Names that name nobody (客户, 测试) are NULL.
    """
    return (
        texts.with_columns(folded=_strip_remarks(fold(pl.col("text"))))
        .with_columns(titled=pl.col("folded").str.replace(_ENGLISH_TITLE, ""))
        .with_columns(stem=pl.col("titled").str.replace(_TITLED, "${1}"))
        .with_columns(short=pl.col("stem").str.replace(_SHORT_TITLED, "${1}"))
        .with_columns(name=pl.when(_is_surname(pl.col("short"))).then("short").otherwise("stem"))
        .with_columns(title_gender=_read_title_gender())
        .with_columns(name=only_where(~_is_nobody(pl.col("name")), pl.col("name").str.head(_LONGEST_NAME)))
        .with_columns(
            value=filled(pl.col("name")), surname=_read_surname(pl.col("name")), problem=pl.lit(None, pl.String)
        )
    )


def salute(surname: pl.Expr, gender: pl.Expr) -> pl.Expr:
    """`王先生`, `张女士`; NULL where surname or gender is unknown, so that the template's neutral form is used."""
    title = gender.replace_strict({"m": "先生", "f": "女士"}, default=None, return_dtype=pl.String)
    return surname + title


def _strip_remarks(text: pl.Expr) -> pl.Expr:
    """Only what can be part of a name; blanks inside Chinese names go, others become single."""
    name = (
        text.str.replace_all(_IN_BRACKETS, " ").str.replace_all(_MIDDLE_DOTS, "·").str.replace_all(_NOT_OF_A_NAME, " ")
    )
    single = name.str.replace_all(r"\s+", " ").str.strip_chars(" .'’-")
    closed = single.str.replace_all(" ", "", literal=True)
    return pl.when(single.str.contains(r"\p{Han}")).then(closed).otherwise(single).str.replace(_POLITE, "")


def _is_surname(text: pl.Expr) -> pl.Expr:
    return text.is_in(SINGLE) | text.is_in(COMPOUND)


def _is_nobody(name: pl.Expr) -> pl.Expr:
    return name.str.to_lowercase().is_in(_NOBODY) | name.is_in(_TITLES)


def _read_title_gender() -> pl.Expr:
    folded, titled, stem, name = (pl.col(each) for each in ("folded", "titled", "stem", "name"))
    english = folded.str.extract(_ENGLISH_TITLE).str.to_lowercase()
    short = only_where(name != stem, stem.str.tail(1))
    return pl.coalesce(
        only_where(titled.str.contains(f"(?:{'|'.join(_MALE_TITLES)})$"), pl.lit("m")),
        only_where(titled.str.contains(f"(?:{'|'.join(_FEMALE_TITLES)})$"), pl.lit("f")),
        short.replace_strict(_SHORT_TITLES, default=None, return_dtype=pl.String),
        english.replace_strict(
            {"mr": "m", "mrs": "f", "ms": "f", "miss": "f", "madam": "f"}, default=None, return_dtype=pl.String
        ),
    )


def _read_surname(name: pl.Expr) -> pl.Expr:
    length = name.str.len_chars()
    is_person = name.str.contains(r"^\p{Han}+$") & ~name.str.contains(_ORGANISATION)
    compound, single = name.str.head(2), name.str.head(1)
    return (
        pl.when(is_person & compound.is_in(COMPOUND) & (length <= _LONGEST_CHINESE_NAME + 1))
        .then(compound)
        .when(is_person & single.is_in(SINGLE) & (length <= _LONGEST_CHINESE_NAME))
        .then(single)
    )
