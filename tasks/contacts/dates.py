"""Days and moments as people and programs write them; what cannot be read or meant is NULL, with a reason."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from chuda.clock import BUSINESS_ZONE
from tasks.contacts.text import Reader, filled, fold, only_where, read_once

_ZONE = str(BUSINESS_ZONE)
_TIME = r"[T ]*([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:[.,][0-9]+)?)?"
_OFFSET = r" *(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
_WRITTEN = rf"^([0-9]{{4}}) ?[-/.年] ?([0-9]{{1,2}}) ?[-/.月] ?([0-9]{{1,2}}) ?[日号]?(?:{_TIME}{_OFFSET})?$"
_COMPACT = r"^([0-9]{4})([0-9]{2})([0-9]{2})(?:[T ]?([0-9]{2}):?([0-9]{2})(?::?([0-9]{2}))?)?(?:\.0)?()$"
_SERIAL = r"^[0-9]{5}(?:\.[0-9]+)?$"
_EPOCH = r"^(1[0-9]{9})(?:[0-9]{3})?(?:\.0)?$"
# Excel counts days from here (it takes 1900 for a leap year); five digits begin in 1927.
_DAY_ZERO = date(1899, 12, 30)
_AFTER_LAST_SERIAL = 73_416  # 73415 is the last day of the year 2100
_SECONDS_PER_DAY = 86_400
_FIRST_YEAR = 1970
_PARTS = tuple(str(number) for number in range(1, 8))  # year, month, day, hour, minute, second, offset


def day_reader(first: date, last: date) -> Reader:
    """A reader of days (Date) between `first` and `last`, both allowed.

    Reads ISO and Chinese forms, `20240102` and Excel's day numbers, each with or without a time of day. Problems:
    `unreadable_date`, `implausible_date` (out of the range).
    """

    def read(texts: pl.LazyFrame) -> pl.LazyFrame:
        found = _read_moments(texts).with_columns(day=pl.col("moment").dt.date())
        return _judge(found, pl.col("day"), pl.col("day").is_between(first, last))

    return read


def time_reader(last: datetime) -> Reader:
    """A reader of moments (Datetime us, Asia/Shanghai) from 1970 up to `last`.

    Reads the forms of days, and seconds or milliseconds since 1970. A time without a zone is of Asia/Shanghai; a day
    without a time begins at midnight. Problems as for days.
    """

    def read(texts: pl.LazyFrame) -> pl.LazyFrame:
        local = pl.col("moment").dt.replace_time_zone(_ZONE, ambiguous="earliest", non_existent="null")
        seconds = fold(pl.col("text")).str.extract(_EPOCH).cast(pl.Int64)
        since_1970 = pl.from_epoch(seconds, time_unit="s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        found = _read_moments(texts).with_columns(time=pl.coalesce(local, since_1970.dt.convert_time_zone(_ZONE)))
        first = datetime(_FIRST_YEAR, 1, 1, tzinfo=BUSINESS_ZONE)
        return _judge(found, pl.col("time"), pl.col("time").is_between(_literal(first), _literal(last)))

    return read


def read_times(texts: pl.Series, last: datetime) -> pl.DataFrame:
    """A column of moments (value, problem) as by `time_reader`, fast where nearly every one is different."""
    plain = texts.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us")
    plain = plain.dt.replace_time_zone(_ZONE, ambiguous="earliest", non_existent="null")
    is_plain = (plain <= last) & (plain.dt.year() >= _FIRST_YEAR)
    frame = pl.DataFrame({"text": texts, "plain": plain, "is_plain": is_plain.fill_null(False)})
    rest = read_once(frame.select(only_where(~pl.col("is_plain"), pl.col("text"))).to_series(), time_reader(last))
    return frame.hstack(rest).select(value=pl.when("is_plain").then("plain").otherwise("value"), problem="problem")


def _literal(moment: datetime) -> pl.Expr:
    return pl.lit(moment.astimezone(BUSINESS_ZONE), pl.Datetime("us", _ZONE))


def _judge(found: pl.LazyFrame, value: pl.Expr, is_plausible: pl.Expr) -> pl.LazyFrame:
    return found.with_columns(
        value=only_where(is_plausible, value),
        problem=pl.when(pl.col("folded") == "")
        .then(pl.lit(None, pl.String))
        .when(value.is_null())
        .then(pl.lit("unreadable_date"))
        .when(~is_plausible)
        .then(pl.lit("implausible_date")),
    )


def _read_moments(texts: pl.LazyFrame) -> pl.LazyFrame:
    """Add `folded` and `moment` (Datetime us, local time of Asia/Shanghai) to different texts."""
    written = texts.with_columns(folded=fold(pl.col("text")))
    for name, pattern in (("compact", _COMPACT), ("separated", _WRITTEN)):
        groups = written.with_columns(groups=pl.col("folded").str.extract_groups(pattern))
        parts = groups.with_columns(filled(pl.col("groups").struct.field(part)).alias(part) for part in _PARTS)
        written = _assemble(parts, name).drop("groups", *_PARTS)
    days = only_where(pl.col("folded").str.contains(_SERIAL), pl.col("folded")).cast(pl.Float64)
    seconds = only_where(days < _AFTER_LAST_SERIAL, days * _SECONDS_PER_DAY).round().cast(pl.Int64)
    serial = pl.lit(_DAY_ZERO).cast(pl.Datetime("us")) + pl.duration(seconds=seconds)
    return written.with_columns(moment=pl.coalesce("compact", "separated", serial))


def _assemble(parts: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Add the moment that the parts of a text make; NULL where there is no such moment."""
    year, month, day, hour, minute, second, offset = (pl.col(part) for part in _PARTS)
    clock = (pl.coalesce(part, pl.lit("0")) for part in (hour, minute, second))
    text = pl.concat_str([year, month, day, *clock], separator="-")
    moment = text.str.to_datetime("%Y-%m-%d-%H-%M-%S", strict=False, time_unit="us")
    hours = offset.str.extract(r"^[+-]([0-9]{2})").cast(pl.Int64).fill_null(0)
    minutes = offset.str.extract(r"^[+-][0-9]{2}:?([0-9]{2})$").cast(pl.Int64).fill_null(0)
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    utc = only_where(offset.is_not_null(), pl.col(name)) - pl.duration(minutes=sign * (hours * 60 + minutes))
    there = utc.dt.replace_time_zone("UTC").dt.convert_time_zone(_ZONE).dt.replace_time_zone(None)
    return parts.with_columns(moment.alias(name)).with_columns(
        pl.coalesce(there, only_where(offset.is_null(), pl.col(name))).alias(name)
    )
