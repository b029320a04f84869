"""Reading the ledger in columns, for the warehouse: one frame per table, times as TIMESTAMPTZ in Asia/Shanghai."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlalchemy import Connection, text

_TEXT, _INT = pl.String(), pl.Int64()

SUPPRESSIONS = ("SELECT token, scope, reason, source, at_us AS at FROM suppression ORDER BY id",
                {"token": _TEXT, "scope": _TEXT, "reason": _TEXT, "source": _TEXT, "at": _INT})  # fmt: skip
BATCHES = (
    "SELECT b.batch_id, b.plan_id, b.release_id, r.channel, b.state, b.size, "
    "CASE WHEN b.attempts > 0 THEN a.intent_us END AS sent_at, "
    "CASE WHEN a.outcome = 'accepted' THEN a.outcome_us END AS accepted_at, b.attempts "
    "FROM batch b JOIN release r ON r.release_id = b.release_id "
    "LEFT JOIN attempt a ON a.batch_id = b.batch_id AND a.number = b.attempts",
    {"batch_id": _TEXT, "plan_id": _TEXT, "release_id": _TEXT, "channel": _TEXT, "state": _TEXT, "size": _INT,
     "sent_at": _INT, "accepted_at": _INT, "attempts": _INT},
)  # fmt: skip
RELEASE_RECORDS = ("SELECT release_id, channel_record FROM release", {"release_id": _TEXT, "channel_record": _TEXT})
EXCEPTIONS = ("SELECT batch_id, position, state, code, at_us AS at FROM message_exception",
              {"batch_id": _TEXT, "position": _INT, "state": _TEXT, "code": _TEXT, "at": _INT})  # fmt: skip
COMPLAINTS = (
    "SELECT id AS complaint_id, token, channel, source, text, complained_us AS complained_at, done_us AS done_at, "
    "cause, action, closed_us AS closed_at, closed_by FROM complaint ORDER BY id",
    {"complaint_id": _INT, "token": _TEXT, "channel": _TEXT, "source": _TEXT, "text": _TEXT, "complained_at": _INT,
     "done_at": _INT, "cause": _TEXT, "action": _TEXT, "closed_at": _INT, "closed_by": _TEXT},
)  # fmt: skip
RECEIPTS = (
    "SELECT id AS receipt_id, channel, batch_id, position, token, status, code, parts, reported_us AS reported_at, "
    "received_us AS received_at FROM receipt WHERE id > :after ORDER BY id",
    {"receipt_id": _INT, "channel": _TEXT, "batch_id": _TEXT, "position": _INT, "token": _TEXT, "status": _TEXT,
     "code": _TEXT, "parts": _INT, "reported_at": _INT, "received_at": _INT},
)  # fmt: skip
REPLIES = (
    "SELECT id AS reply_id, channel, token, text, kind, replied_us AS replied_at FROM reply WHERE id > :after "
    "ORDER BY id",
    {"reply_id": _INT, "channel": _TEXT, "token": _TEXT, "text": _TEXT, "kind": _TEXT, "replied_at": _INT},
)  # fmt: skip
CLICKS = (
    "SELECT id AS click_id, channel, NULLIF(batch_id, '') AS batch_id, position, token, link, "
    "clicked_us AS clicked_at FROM click WHERE id > :after ORDER BY id",
    {"click_id": _INT, "channel": _TEXT, "batch_id": _TEXT, "position": _INT, "token": _TEXT, "link": _TEXT,
     "clicked_at": _INT},
)  # fmt: skip


LINK_CLICKS = (
    "SELECT id AS link_click_id, channel, link, clicked_us AS clicked_at FROM link_click WHERE id > :after ORDER BY id",
    {"link_click_id": _INT, "channel": _TEXT, "link": _TEXT, "clicked_at": _INT},
)
LINK_LOOKS = (
    "SELECT id AS look_id, channel, batch_id, position, reason, looked_us AS looked_at FROM link_look "
    "WHERE id > :after ORDER BY id",
    {"look_id": _INT, "channel": _TEXT, "batch_id": _TEXT, "position": _INT, "reason": _TEXT, "looked_at": _INT},
)
ANSWERS = (
    "SELECT b.batch_id, r.plan_id, r.campaign_id, r.channel, b.state, b.size, b.parts, b.tokens, r.channel_record, "
    "CASE WHEN b.attempts > 0 THEN a.intent_us END AS sent_at "
    "FROM release r JOIN batch b ON b.release_id = r.release_id "
    "LEFT JOIN attempt a ON a.batch_id = b.batch_id AND a.number = b.attempts "
    "WHERE r.message_type = 'coupon_reply' ORDER BY b.batch_id",
    {"batch_id": _TEXT, "plan_id": _TEXT, "campaign_id": _TEXT, "channel": _TEXT, "state": _TEXT, "size": _INT,
     "parts": _INT, "tokens": _TEXT, "channel_record": _TEXT, "sent_at": _INT},
)  # fmt: skip


def read_frame(
    connection: Connection, query: tuple[str, Mapping[str, pl.DataType]], parameters: Mapping[str, object] | None = None
) -> pl.DataFrame:
    """The rows of one of the queries above; columns that end in `at` become times."""
    statement, schema = query
    rows = connection.execute(text(statement), parameters or {}).all()
    frame = pl.DataFrame([tuple(row) for row in rows], schema=dict(schema), orient="row")
    times = [name for name in schema if name == "at" or name.endswith("_at")]
    return frame.with_columns(
        pl.from_epoch(pl.col(name), time_unit="us").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Shanghai")
        for name in times
    )
