"""Batches hold only what the provider takes in one request, and nobody is lost or doubled by the dealing."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import duckdb
import polars as pl
import pytest

from chuda.errors import Refused
from chuda.records.channel import ChannelRecord
from chuda.windows import DailyWindow
from tasks.planning.filing import drop_unfiled
from tasks.planning.numbering import number_messages
from tasks.planning.texts import RenderedTexts

TEMPLATES = [
    {"code": "A", "text": "${who}您好，满减，拒收请回复R"},
    {"code": "B", "text": "${who}您好 (8折)，拒收请回复R"},
]
SPECIFIC = {
    "generic": {"credentials": {"token": "T"}},
    "aliyun": {"credentials": {"access_key_id": "I", "access_key_secret": "K"}, "filed_templates": TEMPLATES},
    "tencent": {
        "credentials": {"secret_id": "I", "secret_key": "K"}, "region": "ap-guangzhou", "app_id": "1400006666",
        "filed_templates": [{"code": t["code"], "text": t["text"].replace("${who}", "{1}")} for t in TEMPLATES],
    },
}  # fmt: skip


def channel(adapter: str) -> ChannelRecord:
    return ChannelRecord.model_validate(
        {
            "name": "c", "adapter": adapter, "simulator": True, "endpoint": "http://127.0.0.1:1", "account": "a",
            "message_types": ["marketing"], "price_cny_per_part": Decimal("0.05"), "billing": "submitted",
            "batch_size": 10, "rate_parts_per_second": 100, **SPECIFIC[adapter],
        }
    )  # fmt: skip


def staged(count: int = 95) -> pl.DataFrame:
    names = ["王先生", "张女士", "李'先生"]
    rows = []
    for n in range(count):
        who, offer = names[n % 3], ("，满减" if n % 2 else " (8折)")
        token = hashlib.sha256(str(n).encode()).hexdigest()[:32]
        rows.append((token, "all", f"【橙柚生活】{who}您好{offer}，拒收请回复R", "2026-11-20 10:00:00"))
    frame = pl.DataFrame(rows, schema=["token", "wave", "text", "send_at"], orient="row")
    moment = pl.col("send_at").str.to_datetime().dt.replace_time_zone("Asia/Shanghai")
    return frame.with_columns(send_at=moment, expires_at=moment.dt.offset_by("1d"))


def numbered(adapter: str) -> pl.DataFrame:
    with duckdb.connect() as connection:
        connection.register("frame", staged().to_arrow())
        connection.execute("CREATE TABLE message_staged AS SELECT * FROM frame")
        number_messages(connection, channel(adapter), DailyWindow(480, 1260), first_number=3)
        return connection.execute("SELECT * FROM message_numbered").pl()


@pytest.mark.parametrize(
    ("adapter", "in_common", "batches"), [("generic", "", 10), ("aliyun", r"满减|8折", 10), ("tencent", r".*", 12)]
)
def test_a_batch_holds_what_a_request_may(adapter, in_common, batches):
    frame = numbered(adapter)
    assert frame["token"].n_unique() == frame.height == 95
    assert set(frame["release_number"]) == {3}
    per_batch = frame.group_by("seq").agg(
        pl.len(), pl.col("position").sort(), pl.col("text").str.extract(f"({in_common})").n_unique().alias("kinds")
    )
    assert per_batch["len"].max() <= 10
    assert set(per_batch["kinds"]) == {1}
    assert all(list(positions) == list(range(len(positions))) for positions in per_batch["position"])
    assert sorted(per_batch["seq"]) == list(range(per_batch.height))
    assert per_batch.height == batches


def test_batches_leave_in_the_order_of_tokens_whatever_they_hold():
    firsts = numbered("aliyun").group_by("seq").agg(pl.col("token").min()).sort("seq")["token"]
    assert firsts.is_sorted()


def texts(*wordings: str) -> RenderedTexts:
    frame = pl.DataFrame({"token": [str(n) for n in range(len(wordings))], "text": list(wordings)})
    return RenderedTexts(frame, pl.DataFrame(schema={"token": pl.String, "reason": pl.String}))


def test_whoever_would_get_an_unfiled_text_is_left_out_with_the_reason():
    given = texts("【橙柚生活】王先生您好，满减，拒收请回复R", "【橙柚生活】王先生您好，新品，拒收请回复R")
    left = drop_unfiled(given, channel("aliyun"))
    assert left.texts["token"].to_list() == ["0"]
    assert left.excluded.rows() == [("1", "template_not_filed")]
    assert drop_unfiled(given, channel("generic")) is given


def test_a_campaign_whose_text_was_never_filed_is_refused():
    with pytest.raises(Refused, match=r"none of its filed templates \(A, B\)"):
        drop_unfiled(texts("【橙柚生活】新品，拒收请回复R"), channel("tencent"))
