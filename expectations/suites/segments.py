"""What must hold of the segments before campaigns may use them."""

from __future__ import annotations

from expectations.rules import Suite, no_rows, not_null, some_rows, tokens_only

SEGMENTS = Suite(
    name="segments",
    table="segment_now",
    rules=(
        some_rows("somebody is in some segment", severity="warn"),
        not_null("segment", "every membership names its segment"),
        tokens_only(),
        no_rows(
            "member_once",
            "nobody is twice in one segment",
            "SELECT segment, count(*) AS n FROM {batch} GROUP BY segment, token HAVING count(*) > 1",
        ),
        no_rows(
            "members_are_contacts",
            "every member is a contact",
            "SELECT s.segment FROM {batch} s LEFT JOIN contact_clean c ON c.token = s.token WHERE c.token IS NULL",
        ),
        no_rows(
            "no_sudden_halving",
            "no segment of 100 or more lost half its members since the last refresh",
            "WITH before AS (SELECT segment, count(*) AS people FROM segment_member WHERE to_at IS NULL"
            " GROUP BY segment),"
            " after AS (SELECT segment, count(*) AS people FROM {batch} GROUP BY segment)"
            " SELECT b.segment FROM before b LEFT JOIN after a ON a.segment = b.segment"
            " WHERE b.people >= 100 AND coalesce(a.people, 0) < b.people * 0.5",
            severity="warn",
        ),
    ),
)
