"""Bills: what the provider's statistics and its bill file say against our own count, explained message by message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from chuda.errors import UsageError
from chuda.keys import Keys
from chuda.phones import mask_phones
from chuda.providers.protocol import DailyTotals
from chuda.stores.warehouse import add_token_macro

_HERE = Path(__file__).parent
_RECONCILE = (_HERE / "reconcile_bill.sql").read_text(encoding="utf-8")
_COUNT_DUE = (_HERE / "count_due.sql").read_text(encoding="utf-8")
_DUE = (_HERE / "message_due.sql").read_text(encoding="utf-8")
_THREE_WAYS = (_HERE / "three_ways.sql").read_text(encoding="utf-8")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "message_id": ("message_id", "消息编号", "消息id", "msgid", "outid", "客户消息编号"),
    "phone": ("phone", "mobile", "手机号", "手机号码", "接收号码", "phonenumber"),
    "parts": ("parts", "计费条数", "条数", "fee_count", "smssize", "拆分条数"),
    "fee": ("fee", "amount", "费用", "金额"),
}
"""Headers by which the columns of a bill are recognised, compared in lower case without spaces."""

KINDS: Mapping[str, tuple[str, str]] = {
    "parts_differ": ("条数不同", "another number of parts"),
    "failed_but_billed": ("未送达却计费", "failed, but charged"),
    "no_receipt_but_billed": ("没有回执却计费", "no receipt, but charged"),
    "not_accepted_but_billed": ("未受理却计费", "not accepted, but charged"),
    "price_differs": ("单价不同", "another price"),
    "outcome_unknown": ("我方结果未知，账单说收了", "our outcome is unknown; the bill says it was taken"),
    "not_ours": ("不是我们发的", "not one of our messages"),
    "not_billed": ("应计费而账单没有", "due, but not in the bill"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """How many messages of a day differ in one way, by how many parts and how much money (billed less ours)."""

    day: date
    kind: str
    messages: int
    parts: int
    cny: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Due:
    """What a day of an account may cost: its messages, their parts as far as known, and those still open."""

    messages: int
    parts: int
    open_parts: int

    def beyond(self, told: int) -> int:
        """By how many parts the provider's figure lies outside what may be due; 0 where it can be right."""
        return max(0, told - self.parts - self.open_parts) or min(0, told - self.parts)


def days_to_ask(connection: Any, channel: str, since: date) -> list[date]:
    """The days since then on which something left through a channel."""
    rows = connection.execute(
        "SELECT DISTINCT sent_at::date FROM batch_state WHERE channel = ? AND sent_at::date >= ? ORDER BY 1",
        [channel, since],
    ).fetchall()
    return [row[0] for row in rows]


def keep_accounts(connection: Any, accounts: Mapping[str, str]) -> None:
    """Keep which channels share an account at their provider, whose figures and bills are theirs together."""
    rows = [[channel, account] for channel, account in accounts.items()]
    if rows:
        connection.executemany("INSERT OR REPLACE INTO channel_account VALUES (?, ?)", rows)


def count_due(connection: Any, channel: str, day: date, billing: str) -> Due:
    """What we know of a day of a channel's account, to hold the provider's figures against."""
    connection.execute(_DUE)
    row = connection.execute(_COUNT_DUE, {"channel": channel, "day": day, "billing": billing}).fetchone()
    return Due(*map(int, row))


def billed_parts(totals: DailyTotals, billing: str) -> int:
    """The parts that a provider's figures charge under a billing mode."""
    if billing == "delivered" and totals.delivered_parts is not None:
        return totals.delivered_parts
    return totals.parts


def keep_totals(connection: Any, channel: str, billing: str, totals: DailyTotals, now: datetime) -> None:
    """Keep the provider's figures of a day; a later answer replaces an earlier one."""
    parts = billed_parts(totals, billing)
    row = [channel, totals.day, parts, totals.delivered, totals.failed, totals.messages, totals.delivered_parts, now]
    connection.execute("INSERT OR REPLACE INTO provider_total VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def read_bill(path: Path) -> pl.DataFrame:
    """A bill file (CSV in UTF-8, or Excel; headers in Chinese or English) as line, message_id, phone, parts, fee_cny.

    Raises:
        UsageError: it cannot be read, a column is missing (which), or a line's parts or fee are no number.
    """
    frame = _read(path)
    named = {_plain(name): name for name in frame.columns}
    found = {key: next((named[each] for each in known if each in named), None) for key, known in _COLUMNS.items()}
    if found["parts"] is None or (found["message_id"] is None and found["phone"] is None):
        raise UsageError(
            f"{path.name}: a bill needs the parts ({_COLUMNS['parts'][1]}) and the message "
            f"({_COLUMNS['message_id'][1]}) or the number ({_COLUMNS['phone'][2]}) of each line; its columns are: "
            + mask_phones(", ".join(frame.columns))  # without headers they are the first message's
        )
    parts = frame[found["parts"]].cast(pl.String).str.strip_chars().cast(pl.Int32, strict=False)
    bad = (parts.is_null() | (parts < 0)).arg_true()
    if len(bad):
        raise UsageError(f"{path.name}:{bad[0] + 2}: the parts are no whole number; {len(bad)} lines are like that")
    return pl.DataFrame({
        "line": pl.int_range(1, frame.height + 1, dtype=pl.Int32, eager=True),
        "message_id": _column(frame, found["message_id"]), "phone": _column(frame, found["phone"]), "parts": parts,
        "fee_cny": _fees(_column(frame, found["fee"]), path.name),
    })  # fmt: skip


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix.lower() in (".xlsx", ".xls"):
            return pl.read_excel(path, infer_schema_length=0)
        return pl.read_csv(path, infer_schema=False, encoding="utf8-lossy")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UsageError(
            f"{path.name} cannot be read as a bill ({type(error).__name__}): CSV or Excel is needed"
        ) from None


def _plain(header: str) -> str:
    return header.strip().lstrip("\ufeff").lower().replace(" ", "")


def _column(frame: pl.DataFrame, name: str | None) -> pl.Series:
    """A column as text, what is blank as null."""
    if name is None:
        return pl.Series([None] * frame.height, dtype=pl.String)
    text = frame[name].cast(pl.String).str.strip_chars()
    return text.set(text == "", None)


def _fees(told: pl.Series, file: str) -> pl.Series:
    """Fees in CNY; one that cannot be read would escape the comparison with the price, so it is refused."""
    plain = told.str.replace_all(r"[元¥￥,，\s]", "")
    # A spreadsheet writes 0.15 as 0.15000000000000002 and 0.00005 as 5E-5.
    fees = plain.cast(pl.Float64, strict=False).round(4).cast(pl.Decimal(18, 4), strict=False)
    bad = (told.is_not_null() & fees.is_null()).arg_true()
    if len(bad):
        raise UsageError(
            f"{file}:{bad[0] + 2}: the fee is no amount in CNY (write 0.05); {len(bad)} lines are like that"
        )
    return fees


def keep_bill(connection: Any, keys: Keys, channel: str, day: date, lines: pl.DataFrame, source: str) -> None:
    """Keep a bill's lines, with tokens for numbers; one for the same channel and day replaces the earlier."""
    connection.execute("DELETE FROM bill_line WHERE channel = ? AND day = ?", [channel, day])
    add_token_macro(connection, keys)
    connection.register("incoming", lines.to_arrow())
    connection.execute(_KEEP, {"channel": channel, "day": day, "source": source})
    connection.unregister("incoming")


_KEEP = r"""
INSERT INTO bill_line BY NAME
SELECT $channel AS channel, $day AS day, $source AS source, line, message_id, parts, fee_cny,
       phone_token(regexp_extract(
           regexp_replace(phone, '[\s-]', '', 'g'), '(1[3-9]\d{9}|\+85[23]\d{8}|\+886\d{9,10})$'
       )) AS token
FROM incoming
"""


def reconcile_bill(connection: Any, channel: str, day: date, billing: str, price: Decimal) -> list[Difference]:
    """Compare a kept bill with our ledger, keep each message that differs, and count them by kind.

    Args:
        connection: a writing transaction of the warehouse.
        channel: whose bill; the messages of the other channels of its account are known too.
        day: in Asia/Shanghai.
        billing: submitted or delivered.
        price: CNY per part, which the bill's fees are held against where it has some.
    """
    connection.execute("DELETE FROM bill_difference WHERE channel = ? AND day = ?", [channel, day])
    connection.execute(_DUE)
    values = {"channel": channel, "day": day, "billing": billing, "price": price}
    connection.execute(
        "INSERT INTO bill_difference BY NAME SELECT $channel AS channel, $day AS day, * FROM (" + _RECONCILE + ")",
        values,
    )
    rows = connection.execute(
        "SELECT kind, count(*), sum(parts_billed - parts_ours), sum(cny_billed - cny_ours) FROM bill_difference "
        "WHERE channel = ? AND day = ? GROUP BY kind ORDER BY abs(sum(parts_billed - parts_ours)) DESC, kind",
        [channel, day],
    ).fetchall()
    return [Difference(day, kind, int(messages), int(parts), cny) for kind, messages, parts, cny in rows]


def count_three_ways(
    connection: Any, channel: str, day: date, billing: str, price: Decimal
) -> list[tuple[str, int | None, Decimal | None]]:
    """A day of a channel's account as (way, parts, CNY): ours under both billing modes (submitted, delivered), the
    provider's receipts, its statistics, its bill; None where nobody told."""
    connection.execute(_DUE)
    values = {"channel": channel, "day": day, "billing": billing, "price": price}
    return [(way, parts, cny) for way, parts, cny in connection.execute(_THREE_WAYS, values).fetchall()]


def sum_parts(differences: Sequence[Difference]) -> int:
    """Parts billed beyond (or, negative, below) our count."""
    return sum(each.parts for each in differences)
