"""What was rejected and why, in words a user can act on, and as a file that can be corrected and imported again."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

REJECT_SCHEMA = pl.Schema(
    {
        "source_file": pl.String,
        "source_row": pl.UInt32,
        "column": pl.String,
        "cell": pl.String,
        "reason": pl.String,
        "repaired": pl.Boolean,
    }
)
PROBLEM_SCHEMA = pl.Schema((name, REJECT_SCHEMA[name]) for name in REJECT_SCHEMA if name != "repaired")
_FORMULA = "^[=+@-]"


@dataclass(frozen=True, slots=True)
class Reason:
    """What a reason means, and what to do about it, in Chinese and English."""

    zh: str
    en: str


REASONS = {
    "empty": Reason("没有号码；请补填", "no number; fill it in"),
    "not_a_number": Reason("不是号码；请改成 11 位手机号", "not a number; write the 11 digits"),
    "too_short": Reason("位数不足；请补全", "digits are missing; complete the number"),
    "too_long": Reason("位数过多；请核对，多个号码请用 / 分开", "too many digits; separate several numbers with /"),
    "excel_destroyed": Reason(
        "Excel 把号码变成了科学计数，末位已丢失；请从原系统按“文本”格式重新导出",
        "Excel turned the number into an exponent and lost digits; export it again as text",
    ),
    "masked": Reason("号码打了星号；请导出完整号码", "digits are hidden; export the full number"),
    "extension": Reason(
        "带分机的号码收不到短信；请填本人手机号", "a number with an extension gets no SMS; use the mobile number"
    ),
    "landline": Reason(
        "固定电话或服务热线收不到短信；请填手机号", "a landline or service line gets no SMS; use a mobile number"
    ),
    "foreign": Reason(
        "境外号码（港澳台除外）不支持", "foreign numbers (but Hong Kong, Macau, Taiwan) are not supported"
    ),
    "iot": Reason("物联网卡或卫星电话收不到短信", "cards of machines and satellite phones get no SMS"),
    "all_same_digit": Reason("全是同一个数字，不是真实号码", "one digit only: not a real number"),
    "unassigned_prefix": Reason("没有这个号段；请核对", "nobody holds this prefix; check the number"),
    "ragged_row": Reason(
        "这一行的列数与表头不同；请检查引号和分隔符", "the row has another number of cells than the header"
    ),
    "unknown_person": Reason(
        "会员号不在联系人里；请先导入联系人", "no contact has this member number; import the contacts first"
    ),
    "conflicting_row": Reason(
        "同一编号还有内容不同的行，已采用较新的一行",
        "another row with this id says something else; the newer one was taken",
    ),
    "erased": Reason(
        "此人已要求删除，不再导入；请从源文件里也删去这一行",
        "this person was erased on request and is not taken in again; delete the row at its source too",
    ),
    "no_person": Reason("既没有手机号也没有会员号", "neither a phone nor a member number"),
    "missing_id": Reason("缺少编号", "the id is missing"),
    "holds_phone": Reason(
        "编号里含手机号，不能保存；请换一种编号", "the id contains a phone number and must not be stored"
    ),
    "missing_date": Reason("缺少时间", "the date is missing"),
    "unreadable_date": Reason("日期无法识别或不存在；请写成 2024-01-31", "no such date; write it like 2024-01-31"),
    "implausible_date": Reason("日期不合理；请核对", "the date cannot be meant; check it"),
    "missing_amount": Reason("缺少金额", "the amount is missing"),
    "unreadable_amount": Reason("金额无法识别；请写成 1234.50", "not an amount; write it like 1234.50"),
    "missing_kind": Reason("缺少事件类型", "the kind of event is missing"),
    "unreadable_number": Reason("不是整数", "not a whole number"),
    "unknown_gender": Reason("性别无法识别；请写男或女", "unknown gender; write 男 or 女"),
    "unknown_language": Reason("语言无法识别", "unknown language"),
    "unknown_consent_word": Reason(
        "看不出是否同意，按未同意处理；请写是或否", "neither yes nor no, so taken as no consent; write 是 or 否"
    ),
}


def no_rejects() -> pl.DataFrame:
    """A frame of rejects (`REJECT_SCHEMA`) without rows."""
    return pl.DataFrame(schema=REJECT_SCHEMA)


def reject_ragged(ragged: pl.DataFrame, source_file: str) -> pl.DataFrame:
    """Rejects for ragged rows (source_row, text): the whole line is the cell."""
    return ragged.select(
        pl.lit(source_file).alias("source_file"),
        "source_row",
        column=pl.lit(None, pl.String),
        cell="text",
        reason=pl.lit("ragged_row"),
        repaired=pl.lit(False),
    )


def reject_cells(rejected: pl.DataFrame, column: str, source_file: str) -> pl.DataFrame:
    """Rejects for cells (row, cell, reason, repaired) of one column of the file."""
    return rejected.select(
        pl.lit(source_file).alias("source_file"),
        pl.col("row").alias("source_row"),
        pl.lit(column).alias("column"),
        "cell",
        "reason",
        "repaired",
    )


def count_reasons(rejects: pl.DataFrame) -> dict[str, int]:
    """How many rejects there are for each reason, the most frequent first."""
    counted = rejects.group_by("reason").len().sort(["len", "reason"], descending=[True, False])
    return dict(counted.iter_rows())


def build_reject_file(rejects: pl.DataFrame, rejected_rows: pl.DataFrame) -> pl.DataFrame:
    """The file for the user (with phone numbers): 行号, 问题列, 问题内容, 原因, then the row's own columns as read.

    None of the four is a known header, so the corrected file can be imported as it is. A cell that a spreadsheet would
    take for a formula gets an apostrophe, which the import takes off again.
    """
    wording = {name: reason.zh for name, reason in REASONS.items()}
    listed = rejects.select(
        pl.col("source_row").alias("行号"),
        pl.col("column").alias("问题列"),
        pl.col("cell").alias("问题内容"),
        pl.col("reason").replace_strict(wording, default=pl.col("reason")).alias("原因"),
    ).sort("行号", maintain_order=True)
    joined = listed.join(
        rejected_rows.rename({"source_row": "行号"}), on="行号", how="left", maintain_order="left", suffix="_2"
    )
    return joined.with_columns(pl.col(pl.String).str.replace(_FORMULA, "'$0"))
