"""The text of one number becomes a canonical phone or a named reason why it is none."""

from __future__ import annotations

import polars as pl

from tasks.contacts.prefixes import PrefixTable
from tasks.contacts.text import only_where

REPAIRS = (
    "full_width", "invisible_characters", "apostrophe", "separators", "country_prefix", "decimal_tail",
    "surrounding_text", "trunk_zero", "lossless_exponent",
)  # fmt: skip
PLAIN_MAINLAND = r"^1[0-9]{10}$"

_LOSSLESS_EXPONENT = (r"^([0-9])\.([0-9]{10})[eE]\+?10$", r"^([0-9])\.([0-9]{12})[eE]\+?12$")
_EXPONENT = r"^[0-9]+(?:\.[0-9]+)?[eE]\+?[0-9]{1,2}$"
_CELL_ERROR = r"^#+(?:[A-Z]|$)"
_MASKED = r"[0-9][*×xX●•]{2,}|[*×●•]{2,}[0-9]"
_DECIMAL_TAIL = r"^([+0-9() ,-]*[0-9])\.0*$"
_TEXT_BEFORE = r"^[^0-9+]+"
# A letter that touches the last digit may stand for a digit (O for 0): such text is not cut off.
_TEXT_AFTER = r"[^0-9A-Za-z][^0-9]*$"
_SEPARATORS = r"[ ,\-\x{2010}-\x{2015}\x{2212}_.()\[\]·•~:]+"
_EXTENSION = r"(?i)(?:转|轉|分机|分機|ext|x|#)[0-9]{1,6}$"
_HYPHEN_EXTENSION = r"1[3-9][0-9]{9} *- *[0-9]{1,6}$"
_CHINA = r"^(?:\+|00)?(?:86){1,2}0?(1[0-9]{10}(?:[0-9]{2})?)$"
_TRUNK_ZERO = r"^0(1[3-9][0-9]{9})$"
_MOBILE = r"^1[3-9][0-9]{9}$"
_SAME_DIGIT = "^(?:" + "|".join(f"{digit}{{5,}}" for digit in range(10)) + ")$"
_AREA = "(?:10|2[0-9]|[3-9][0-9]{2})[2-9][0-9]{6,7}"
_LANDLINE = "^(?:" + "|".join(
    (
        rf"0{_AREA}[0-9]{{0,6}}",  # with area code, perhaps an extension at the end
        rf"(?:\+|00)?860?{_AREA}",
        "[2-9][0-9]{6,7}",  # inside one's own city
        "0?[48]00[0-9]{7}",  # service lines
        r"(?:\+|00)85[23][0-9]{8}",
        r"(?:\+|00)886[0-9]{7,10}",
    )
) + ")$"  # fmt: skip
_FOREIGN = r"^(?:\+|00)[1-9][0-9]{6,14}$"
_CHINESE = r"^(?:\+|00)86"
_DIGITS = r"^\+?[0-9]+$"
_PLACEHOLDERS = (
    "无",
    "没有",
    "暂无",
    "空",
    "未知",
    "未填",
    "未提供",
    "n/a",
    "na",
    "null",
    "none",
    "nan",
    "nil",
    "nat",
    "0",
)
_FULL_LENGTH = 11


def classify_phones(numbers: pl.DataFrame, table: PrefixTable) -> pl.DataFrame:
    """Add to each number (as from `split_phones`) its verdict (phone, canonical, and profile, or reason) and repairs.

    The repairs are one Boolean column for each of `REPAIRS`. Exactly one of phone and reason is NULL.
    """
    found = _normalise(numbers.lazy(), table).collect()
    domestic = pl.col("domestic")
    mainland = look_up_profiles(found.select(only_where(domestic.str.contains(PLAIN_MAINLAND), domestic)), table)
    machine = look_up_profiles(found.select(only_where(domestic.str.contains(r"^1[0-9]{12}$"), domestic)), table)
    why_not = table.profiles["reason"].gather(mainland)
    is_mobile = mainland.is_not_null() & why_not.is_null()
    found = found.with_columns(
        is_mobile.alias("is_mobile"),
        why_not.alias("prefix_reason"),
        (table.profiles["reason"].gather(machine) == "iot").fill_null(False).alias("is_machine"),
        mainland.alias("mainland_profile"),
    )
    return _give_verdicts(found.lazy()).collect()


def look_up_profiles(numbers: pl.DataFrame, table: PrefixTable) -> pl.Series:
    """The profile (see `PrefixTable`) of mainland numbers in a one-column frame; NULL for NULL."""
    return table.profile_of_prefix.gather(table.place_prefixes(numbers.to_series())).alias("profile")


def _normalise(numbers: pl.LazyFrame, table: PrefixTable) -> pl.LazyFrame:
    """Mend what can be mended; every step keeps its column, since the verdict and the repairs compare them."""
    exact = pl.col("stripped")
    for pattern in _LOSSLESS_EXPONENT:
        exact = exact.str.replace(pattern, "${1}${2}")
    return (
        numbers.with_columns(stripped=pl.col("text").str.strip_chars())
        .with_columns(exact=exact)
        .with_columns(whole=pl.col("exact").str.replace(_DECIMAL_TAIL, "${1}"))
        .with_columns(bare=pl.col("whole").str.replace(_TEXT_BEFORE, "").str.replace(_TEXT_AFTER, ""))
        .with_columns(compact=pl.col("bare").str.replace_all(_SEPARATORS, ""))
        .with_columns(without_86=pl.col("compact").str.replace(_CHINA, "${1}"))
        .with_columns(domestic=pl.col("without_86").str.replace(_TRUNK_ZERO, "${1}"))
        .with_columns(trunk=pl.col("domestic").str.replace(_EXTENSION, ""))
        .with_columns(**_read_regions(table))
    )


def _read_regions(table: PrefixTable) -> dict[str, pl.Expr]:
    """Numbers of Hong Kong, Macau and Taiwan: `regional` (E.164) and its profile."""
    compact = pl.col("compact")
    phones, profiles = [], []
    for rule in table.rules.regions:
        rest = compact.str.extract(rf"^(?:\+|00)?{rule.country_code}0?({rule.mobile})$")
        phones.append(pl.lit(f"+{rule.country_code}") + rest)
        profiles.append(only_where(rest.is_not_null(), pl.lit(table.profile_of_region[rule.region], pl.UInt16)))
    return {"regional": pl.coalesce(phones), "regional_profile": pl.coalesce(profiles)}


def _give_verdicts(found: pl.LazyFrame) -> pl.LazyFrame:
    phone, domestic = pl.col("phone"), pl.col("domestic")
    is_extension = pl.col("is_mobile") & pl.col("whole").str.contains(_HYPHEN_EXTENSION)
    mainland = only_where(pl.col("is_mobile") & ~is_extension, domestic)
    return (
        found.with_columns(phone=pl.coalesce(mainland, "regional"))
        .with_columns(
            profile=only_where(phone.is_not_null(), pl.coalesce("regional_profile", "mainland_profile")),
            reason=_find_reason(),
            **_find_repairs(),
        )
        .select("row", "cell", "phone", "profile", "reason", *REPAIRS)
    )


def _find_reason() -> pl.Expr:
    """The first thing that is wrong, from what says most to what says least; NULL where there is a phone."""
    steps = ("stripped", "whole", "compact", "trunk", "domestic")
    stripped, whole, compact, trunk, domestic = (only_where(pl.col("phone").is_null(), pl.col(step)) for step in steps)
    is_empty = ~stripped.str.contains(r"[\p{L}\p{N}#]") | stripped.str.to_lowercase().is_in(_PLACEHOLDERS)
    has_extension = (trunk != domestic) & trunk.str.contains(_MOBILE) | whole.str.contains(_HYPHEN_EXTENSION)
    checks = {
        "empty": is_empty,
        "excel_destroyed": stripped.str.contains(_EXPONENT) | stripped.str.contains(_CELL_ERROR),
        "masked": stripped.str.contains(_MASKED),
        "extension": has_extension,
        "all_same_digit": domestic.str.contains(_SAME_DIGIT),
        "iot": stripped.is_not_null() & pl.col("is_machine"),
        "landline": trunk.str.contains(_LANDLINE),
        "not_a_number": ~compact.str.contains(_DIGITS),
        "foreign": compact.str.contains(_FOREIGN) & ~compact.str.contains(_CHINESE),
    }
    named = [only_where(is_so, pl.lit(name)) for name, is_so in checks.items()]
    return pl.coalesce(*named, "prefix_reason", only_where(domestic.is_not_null(), _judge_length(domestic)))


def _judge_length(domestic: pl.Expr) -> pl.Expr:
    length = domestic.str.strip_prefix("+").str.len_bytes()
    return (
        pl.when(length < _FULL_LENGTH)
        .then(pl.lit("too_short"))
        .when(length > _FULL_LENGTH)
        .then(pl.lit("too_long"))
        .otherwise(pl.lit("unassigned_prefix"))
    )


def _find_repairs() -> dict[str, pl.Expr]:
    """Which steps changed something (the repairs of the whole cell are there already)."""

    def differs(before: str, after: str) -> pl.Expr:
        return pl.col(before) != pl.col(after)

    has_word = pl.col("whole").str.contains(r"\p{L}")
    return {
        "lossless_exponent": differs("stripped", "exact"),
        "decimal_tail": differs("exact", "whole"),
        "surrounding_text": differs("whole", "bare") & has_word,
        "separators": differs("text", "stripped") | differs("bare", "compact") | (differs("whole", "bare") & ~has_word),
        "country_prefix": differs("compact", "without_86")
        | (pl.col("regional").is_not_null() & differs("compact", "regional")),
        "trunk_zero": differs("without_86", "domestic"),
    }
