"""Wanted replies: which keywords are open, the coupon pools, and the answers that are due – one per person, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Connection, text

from chuda.stores.ledger.releases import split_tokens

COUPON = "{coupon}"
Asked = Literal["granted", "repeated", "used_up"]


@dataclass(frozen=True, slots=True)
class KeywordOffer:
    """What a plan promises to whoever replies with a keyword until a moment (microseconds UTC)."""

    plan_id: str
    campaign_id: str
    keyword: str
    text: str
    has_coupons: bool
    until_us: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is due to a person; `release_id` is of the message they replied to."""

    campaign_id: str
    keyword: str
    token: str
    plan_id: str
    release_id: str
    text: str
    asked_us: int


def open_offer(connection: Connection, offer: KeywordOffer, codes: Sequence[str]) -> None:
    """Open a plan's keyword, in the transaction that seals it; codes that are in the campaign's pool already stay."""
    connection.execute(
        text("INSERT INTO keyword_offer (plan_id, campaign_id, keyword, text, has_coupons, until_us) "
             "VALUES (:plan_id, :campaign_id, :keyword, :text, :has_coupons, :until_us) ON CONFLICT DO NOTHING"),
        {**asdict(offer), "has_coupons": int(offer.has_coupons)},
    )  # fmt: skip
    if codes:
        connection.execute(
            text("INSERT INTO coupon (campaign_id, keyword, code) VALUES (:campaign, :keyword, :code) "
                 "ON CONFLICT DO NOTHING"),
            [{"campaign": offer.campaign_id, "keyword": offer.keyword, "code": code} for code in codes],
        )  # fmt: skip


def open_keywords(connection: Connection, at_us: int) -> list[str]:
    """The keywords somebody may be answered for at a moment."""
    rows = connection.execute(
        text("SELECT DISTINCT keyword FROM keyword_offer WHERE until_us > :at ORDER BY keyword"), {"at": at_us}
    )
    return [row.keyword for row in rows]


def find_offer(connection: Connection, keyword: str, token: str, at_us: int) -> tuple[KeywordOffer, str] | None:
    """The offer a person who replies with a keyword means, with the release of their message; None if they got none.

    The latest message of a plan with this keyword counts, however its request ended: they have it in their hands.
    """
    rows = connection.execute(
        text("SELECT o.plan_id, o.campaign_id, o.keyword, o.text, o.has_coupons, o.until_us, b.release_id, b.tokens "
             "FROM keyword_offer o JOIN batch b ON b.plan_id = o.plan_id JOIN attempt a ON a.batch_id = b.batch_id "
             "AND a.number = b.attempts WHERE o.keyword = :keyword AND o.until_us > :at AND a.intent_us <= :at "
             "AND b.tokens LIKE :token ORDER BY a.intent_us DESC"),
        {"keyword": keyword, "at": at_us, "token": f"%{token}%"},
    )  # fmt: skip
    for row in rows:
        if token in split_tokens(row.tokens):
            offer = KeywordOffer(
                row.plan_id, row.campaign_id, row.keyword, row.text, bool(row.has_coupons), row.until_us
            )
            return offer, str(row.release_id)
    return None


def ask_for_answer(connection: Connection, offer: KeywordOffer, release_id: str, token: str, at_us: int) -> Asked:
    """Note that a person is owed an answer, with a code of their own if there are codes; at most once per person."""
    key = {"campaign": offer.campaign_id, "keyword": offer.keyword, "token": token}
    known = text("SELECT 1 FROM answer WHERE campaign_id = :campaign AND keyword = :keyword AND token = :token")
    if connection.execute(known, key).scalar():
        return "repeated"
    code = ""
    if offer.has_coupons:
        code = connection.execute(text(_TAKE_CODE), key).scalar() or ""
        if not code:
            return "used_up"
    connection.execute(
        text("INSERT INTO answer (campaign_id, keyword, token, plan_id, release_id, text, state, asked_us) "
             "VALUES (:campaign, :keyword, :token, :plan, :release, :text, 'waiting', :at)"),
        {**key, "plan": offer.plan_id, "release": release_id, "text": offer.text.replace(COUPON, code), "at": at_us},
    )  # fmt: skip
    return "granted"


_TAKE_CODE = """
UPDATE coupon SET token = :token WHERE campaign_id = :campaign AND keyword = :keyword AND code = (
    SELECT code FROM coupon WHERE campaign_id = :campaign AND keyword = :keyword AND token IS NULL
    ORDER BY code LIMIT 1)
RETURNING code
"""


def waiting_answers(connection: Connection) -> list[Answer]:
    """The answers that are still to be sealed, by release and in the order in which they were asked for."""
    rows = connection.execute(
        text("SELECT campaign_id, keyword, token, plan_id, release_id, text, asked_us FROM answer "
             "WHERE state = 'waiting' ORDER BY release_id, asked_us, token")
    )  # fmt: skip
    return [Answer(*row) for row in rows]


def mark_answers(connection: Connection, answers: Sequence[Answer], state: Literal["sealed", "dropped"]) -> None:
    """Note what became of answers that waited."""
    if answers:
        connection.execute(
            text("UPDATE answer SET state = :state WHERE campaign_id = :campaign AND keyword = :keyword "
                 "AND token = :token AND state = 'waiting'"),
            [{"state": state, "campaign": a.campaign_id, "keyword": a.keyword, "token": a.token} for a in answers],
        )  # fmt: skip


def free_coupons(connection: Connection) -> dict[tuple[str, str], int]:
    """How many codes are left by (campaign, keyword)."""
    rows = connection.execute(
        text("SELECT campaign_id, keyword, sum(CASE WHEN token IS NULL THEN 1 ELSE 0 END) AS free FROM coupon "
             "GROUP BY campaign_id, keyword")
    )  # fmt: skip
    return {(row.campaign_id, row.keyword): int(row.free) for row in rows}
