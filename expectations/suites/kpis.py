"""What must hold of the campaign KPIs before the marts are published."""

from __future__ import annotations

from expectations.rules import Suite, between, no_rows, not_null

_RATES = ("delivery_rate", "open_rate", "conversion_rate", "opt_out_rate", "complaint_rate")

KPIS = Suite(
    name="kpis",
    table="campaign_kpi",
    rules=(
        not_null("campaign_id", "every row names its campaign"),
        not_null("planned", "every campaign counts what was planned"),
        *(between(rate, 0, 1, f"{rate} is a fraction") for rate in _RATES),
        no_rows(
            "delivered_within_submitted",
            "no campaign delivered more than it submitted",
            "SELECT campaign_id FROM {batch} WHERE delivered > submitted",
        ),
        no_rows(
            "sum_is_the_plan",
            "the states add up to what was planned",
            "SELECT campaign_id FROM {batch} WHERE submitted + suppressed + expired + cancelled + waiting_to_leave"
            " <> planned OR accepted + rejected + unknown + unconfirmed <> submitted",
        ),
        no_rows(
            "clicked_within_delivered",
            "hardly anybody clicked what was not delivered",
            "SELECT campaign_id FROM {batch} WHERE clicked > delivered * 1.02 + 5",
            severity="warn",
        ),
    ),
)
