"""How fast whole columns of texts are checked, against a plain loop over the same texts.

`python -m benchmarks.content --texts 1000000` makes distinct marketing texts, checks them as a column and, for a
sample, one by one with the checks of a single text, and prints texts per second of both. Both must find the same.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import polars as pl

from tasks.content.checks import check_text
from tasks.content.context import ContentContext, load_content_reference
from tasks.content.frame_checks import check_texts

ROOT = Path(__file__).parents[1]
LOOP_TEXTS = 5_000
GUILTY_EVERY = 1_000
_OFFERS = ("满200减30元", "第二件半价", "到店领保温杯一个", "会员日积分翻倍", "新品八折尝鲜")
_GUILTY = ("百分百中奖", "最 佳选择", "稳*赚不赔", "★特惠", "加微信领取")


def make_texts(count: int) -> pl.DataFrame:
    """Distinct texts as campaigns have them; one in a thousand is guilty of something."""
    number = pl.int_range(count, dtype=pl.Int64)
    offer = pl.lit(pl.Series(_OFFERS)).gather(number % len(_OFFERS))
    guilt = pl.lit(pl.Series(_GUILTY)).gather(number // GUILTY_EVERY % len(_GUILTY))
    return pl.select(
        text=pl.concat_str(
            pl.lit("【橙柚生活】王女士，您的会员号"), number.cast(pl.String), pl.lit("有礼："), offer,
            pl.when(number % GUILTY_EVERY == 0).then(guilt).otherwise(pl.lit("")), pl.lit("，11月30日止，拒收请回复R"),
        )
    )  # fmt: skip


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=1_000_000)
    count = parser.parse_args().texts
    context = ContentContext(reference=load_content_reference(ROOT / "data" / "reference"), signatures=("橙柚生活",))
    frame = make_texts(count)
    started = time.perf_counter()
    found = check_texts(frame, context)
    column_s = time.perf_counter() - started
    sample = frame["text"].head(LOOP_TEXTS).to_list()
    started = time.perf_counter()
    singly = [(row, finding.message_key) for row, text in enumerate(sample) for finding in check_text(text, context)]
    loop_s = time.perf_counter() - started
    same = found.filter(pl.col("row") < LOOP_TEXTS).select("row", "message_key").unique()
    assert set(same.iter_rows()) == set(singly), "both ways must find the same"
    column, loop = count / column_s, len(sample) / loop_s
    print(f"{count:,} distinct texts, {found.height:,} findings in {column_s:.1f} s: {column:,.0f} texts/s")
    print(
        f"plain loop over {len(sample):,} of them: {loop:,.0f} texts/s; the column is {column / loop:.0f} times as fast"
    )


if __name__ == "__main__":
    main()
