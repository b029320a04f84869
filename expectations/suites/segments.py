"""What must hold of the tags and segments before campaigns may use them."""

from __future__ import annotations

from expectations.rules import Suite, between, no_rows, not_null, one_of, some_rows, tokens_only

_STAGES = ("pregnant", "age_0_1", "age_1_3", "age_3_6", "none")

SEGMENTS = Suite(
    name="segments",
    table="tags_checked",
    rules=(
        some_rows("there are contacts", severity="warn"),
        tokens_only(),
        not_null("segments", "everybody's segments are known"),
        no_rows(
            "every_contact_once",
            "every contact is tagged once",
            "SELECT count(*) AS n FROM {batch} HAVING count(*) <> (SELECT count(*) FROM contact_clean)",
        ),
        one_of("life_stage", _STAGES, "every life stage is one of those that are documented"),
        between("r_score", 1, 5, "recency scores are 1 to 5"),
        between("f_score", 1, 5, "frequency scores are 1 to 5"),
        between("m_score", 1, 5, "spending scores are 1 to 5"),
        between("discount_share", 0, 1, "discounts are a share of what was paid", severity="warn"),
        no_rows(
            "somebody_in_some_segment",
            "somebody is in some segment",
            "SELECT count(*) AS n FROM {batch} HAVING count(*) > 0 AND max(segments) = 0",
            severity="warn",
        ),
        no_rows(
            "no_sudden_halving",
            "no segment of 100 or more lost half its people since the last refresh",
            "SELECT segment FROM segment_size_now WHERE people_before >= 100 AND people < people_before * 0.5",
            severity="warn",
        ),
        no_rows(
            "no_sudden_tripling",
            "no segment became more than three times as large since the last refresh",
            "SELECT segment FROM segment_size_now WHERE people >= 100 AND people > people_before * 3",
            severity="warn",
        ),
    ),
)
