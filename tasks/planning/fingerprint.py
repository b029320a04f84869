"""A fingerprint of each release's messages, taken when the plan is published and compared when it is approved.

It finds rows that were edited or lost in between, by hand or by a fault. It is no signature: whoever can write the
warehouse could write a new one; what is approved is sealed at once and out of their reach.
"""

from __future__ import annotations

from typing import Any

from chuda.errors import Refused

# XOR of a hash per message: independent of the order of rows, which DuckDB does not keep.
_HASH = "hash(token, variant, {text}, units, parts, send_at, batch_id, position)"
_OF_RELEASE = f"""
SELECT plan_id, release_number AS number, count(*) AS messages,
       bit_xor({_HASH.format(text="text")})::VARCHAR AS fingerprint
FROM plan_message WHERE plan_id = $plan AND release_number IS NOT NULL GROUP BY 1, 2
"""
# The kept fingerprint and that of the messages change by the same bits: they agree afterwards if, and only if, they
# did before, and nobody else's messages need to be read.
_RENEW = f"""
UPDATE plan_fingerprint k SET fingerprint = xor(k.fingerprint::UBIGINT, c.bits)::VARCHAR FROM (
    SELECT plan_id, release_number AS number,
           bit_xor(xor({_HASH.format(text="text")}, {_HASH.format(text="''")})) AS bits
    FROM plan_message WHERE token = $token AND text <> '' AND release_number IS NOT NULL GROUP BY 1, 2) c
WHERE k.plan_id = c.plan_id AND k.number = c.number
"""


def fingerprint_releases(connection: Any, plan_id: str) -> None:
    """Keep the fingerprints of a plan's releases; one that is kept already stays as it is."""
    connection.execute(
        f"INSERT INTO plan_fingerprint SELECT f.* FROM ({_OF_RELEASE}) f ANTI JOIN plan_fingerprint k "
        "ON k.plan_id = f.plan_id AND k.number = f.number",
        {"plan": plan_id},
    )


def check_fingerprint(connection: Any, plan_id: str, number: int) -> None:
    """Refuse a release whose messages are no longer those that were planned.

    Raises:
        Refused: they were changed, or never fingerprinted.
    """
    row = connection.execute(
        f"SELECT k.fingerprint = f.fingerprint AND k.messages = f.messages FROM ({_OF_RELEASE}) f "
        "JOIN plan_fingerprint k ON k.plan_id = f.plan_id AND k.number = f.number WHERE f.number = $number",
        {"plan": plan_id, "number": number},
    ).fetchone()
    if row is None or not row[0]:
        raise Refused(
            f"{plan_id}-{number} 的内容在计划后被改动 / the messages of {plan_id}-{number} were changed after the plan "
            "was made; what you looked at is not what would be sent. Make a new plan"
        )


def renew_for_erasure(connection: Any, token: str) -> None:
    """Renew the fingerprints of an erased person's releases, in the transaction that blanks their texts and before it.

    A release that was changed by hand stays changed: this does not make its fingerprint good.
    """
    connection.execute(_RENEW, {"token": token})
