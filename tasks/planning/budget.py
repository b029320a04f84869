"""The budget: who is left out so that what is planned cannot cost more than was allowed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from chuda.errors import Refused

# In the order of their tokens, which is random: nobody is cheaper or dearer by being early. The dearest variant counts.
_BEYOND = """
INSERT INTO audience_excluded
WITH person AS (SELECT token, max(parts) AS parts FROM message_rendered GROUP BY token),
spent AS (SELECT token, sum(parts) OVER (ORDER BY token ROWS UNBOUNDED PRECEDING) * $price AS cost FROM person)
SELECT token, 'over_budget' FROM spent
WHERE cost > $budget AND token NOT IN (SELECT token FROM audience_excluded)
"""


def keep_within_budget(connection: Any, campaign_id: str, budget: Decimal, price: Decimal) -> int:
    """Leave out the people the budget does not reach; returns how many.

    Args:
        connection: the draft, with `message_rendered` and `audience_excluded`.
        campaign_id: for messages.
        budget: CNY for the whole campaign occurrence.
        price: CNY per part.

    Raises:
        Refused: it does not pay for a single message.
    """
    connection.execute(_BEYOND, {"price": price, "budget": budget})
    people, beyond = connection.execute(
        "SELECT (SELECT count(DISTINCT token) FROM message_rendered), "
        "(SELECT count(*) FROM audience_excluded WHERE reason = 'over_budget')"
    ).fetchone()
    if people and people == beyond:
        raise Refused(
            f"{campaign_id}: over_budget: 预算 {budget} 元不够发一条 / the budget of CNY {budget} does not pay for one "
            "message; raise budget_cny"
        )
    return int(beyond)
