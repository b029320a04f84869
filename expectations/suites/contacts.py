"""What must hold of a cleaned contact file before it is merged into the contacts."""

from __future__ import annotations

from expectations.rules import Suite, no_rows, not_null, one_of, some_rows, tokens_only, unique

CONTACTS = Suite(
    name="contacts",
    table="contact_incoming",
    rules=(
        some_rows("the file holds at least one usable contact"),
        unique("token", "every person is there once"),
        tokens_only(),
        not_null("consent", "everybody's consent is known or known to be missing"),
        one_of("consent", ("granted", "denied", "none"), "consent is granted, denied or none"),
        one_of("phone_region", ("CN", "HK", "MO", "TW"), "every number is of a region that can be reached"),
        one_of("gender", ("f", "m"), "gender is f, m or unknown"),
        no_rows(
            "candidates_add_up",
            "rows and extra numbers are all kept, merged, alternates or rejected",
            "SELECT count(*) AS n FROM {batch} HAVING"
            " $rows + $extra <> $kept + $merged + $alternates + $rejected OR count(*) <> $kept",
        ),
        no_rows(
            "mainland_has_carrier",
            "every mainland number has a carrier",
            "SELECT token FROM {batch} WHERE phone_region = 'CN' AND carrier IS NULL",
        ),
        no_rows(
            "granted_with_evidence",
            "consent that was given says when, by what means and for what",
            "SELECT token FROM {batch} WHERE consent = 'granted' AND (consent_source IS NULL OR consent_at IS NULL"
            " OR consent_purpose IS NULL)",
            severity="warn",
        ),
        no_rows(
            "few_rejects",
            "less than a fifth of the candidates were rejected",
            "SELECT count(*) AS n FROM {batch} HAVING $rejected > 0.2 * ($rows + $extra + $unchanged)",
            severity="warn",
        ),
    ),
)
