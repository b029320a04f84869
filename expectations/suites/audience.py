"""What must hold of an audience before texts are rendered for it."""

from __future__ import annotations

from expectations.rules import Suite, no_rows, not_null, some_rows, tokens_only, unique

_SOMEBODY = some_rows("somebody may be messaged")
AUDIENCE = Suite(
    name="audience",
    table="audience_eligible",
    rules=(
        _SOMEBODY,
        unique("token", "nobody is in the audience twice"),
        tokens_only(),
        not_null("segment", "everybody has the segment that brought them in"),
        no_rows(
            "sum_adds_up",
            "eligible and excluded add up to those asked for",
            "SELECT 1 AS n FROM (SELECT count(*) AS eligible FROM {batch}) e,"
            " (SELECT count(*) AS excluded FROM audience_excluded) x,"
            " (SELECT count(*) AS asked FROM audience_candidate) c WHERE e.eligible + x.excluded <> c.asked",
        ),
        no_rows(
            "nobody_excluded_is_eligible",
            "nobody who is excluded is in the audience",
            "SELECT e.token FROM {batch} e JOIN audience_excluded x ON x.token = e.token",
        ),
        no_rows(
            "nobody_suppressed",
            "nobody suppressed is in the audience",
            "SELECT e.token FROM {batch} e JOIN suppression_now s ON s.token = e.token"
            " WHERE list_contains([$scopes], s.scope)",
        ),
    ),
)

AUDIENCE_OF_A_NIGHT = Suite(AUDIENCE.name, AUDIENCE.table, tuple(rule for rule in AUDIENCE.rules if rule != _SOMEBODY))
"""What must hold of a recurring campaign's audience: nights on which nobody's event falls due are ordinary."""
