"""What must hold of the messages before a plan is published."""

from __future__ import annotations

from expectations.rules import Suite, between, no_rows, some_rows, tokens_only, unique

_PLANNED_TEXT = "wave <> 'rollout'"

MESSAGES = Suite(
    name="messages",
    table="message_staged",
    rules=(
        some_rows("somebody gets a message"),
        unique("token", "one message per person"),
        tokens_only(),
        between("units", 1, 500, "no text is longer than providers take"),
        between("parts", 1, None, "every text costs at least one part"),
        no_rows("text_filled", "every message of this release has a text",
                f"SELECT token FROM {{batch}} WHERE {_PLANNED_TEXT} AND (text IS NULL OR length(text) = 0)"),
        no_rows("units_within_limit", "no text is longer than the campaign allows",
                f"SELECT token FROM {{batch}} WHERE {_PLANNED_TEXT} AND phone_region = 'CN' AND units > $max_units"),
        no_rows("parts_within_limit", "no text costs more parts than the campaign allows, whatever its alphabet",
                f"SELECT token FROM {{batch}} WHERE {_PLANNED_TEXT} AND parts > $max_parts"),
        no_rows("opt_out_at_end", "every text that needs it ends with the channel's opt-out wording",
                f"SELECT token FROM {{batch}} WHERE {_PLANNED_TEXT} AND NOT ends_with(text, '$opt_out')"),
        no_rows("time_in_window", "every message opens inside the lawful window",
                f"SELECT token FROM {{batch}} WHERE {_PLANNED_TEXT} AND (send_at IS NULL OR "
                "hour(send_at) * 60 + minute(send_at) < $window_start OR "
                "hour(send_at) * 60 + minute(send_at) >= $window_end)"),
        no_rows("nobody_excluded_is_planned", "nobody who is excluded gets a message",
                "SELECT m.token FROM {batch} m JOIN audience_excluded x ON x.token = m.token"),
        no_rows("no_number_in_text", "no text holds a phone number of a person",
                f"SELECT token FROM {{batch}} WHERE {_PLANNED_TEXT} AND regexp_matches(text, "
            "'(^|[^0-9])1[3-9][0-9]{{9}}([^0-9]|$)')",
                severity="warn"),
    ),
)  # fmt: skip

_SUMS = (
    ("planned", "SELECT count(*) FROM main.plan_message WHERE plan_id = '$plan'"),
    ("excluded", "SELECT count(*) FROM main.plan_exclusion WHERE plan_id = '$plan'"),
)
PUBLISHED_PLAN = Suite(
    name="plan",
    table="plan_made",
    rules=(
        *(
            no_rows(f"{name}_adds_up", f"the plan's rows add up to what it says is {name}",
                    f"SELECT plan_id FROM {{batch}} WHERE plan_id = '$plan' AND {name} <> ({query})")
            for name, query in _SUMS
        ),
        no_rows("everybody_accounted_for", "planned and excluded add up to those asked for",
                "SELECT plan_id FROM {batch} WHERE plan_id = '$plan' AND planned + excluded <> audience_size"),
        no_rows("releases_add_up", "the releases hold every message that can be released, with all its parts",
                "SELECT r.number FROM main.plan_release r LEFT JOIN (SELECT release_number, count(*) AS size,"
                " sum(parts) AS parts FROM main.plan_message WHERE plan_id = '$plan' GROUP BY 1) m"
                " ON m.release_number = r.number WHERE r.plan_id = '$plan' AND (m.size, m.parts)"
                " IS DISTINCT FROM (r.size, r.parts) UNION ALL SELECT m.release_number FROM main.plan_message m"
                " WHERE m.plan_id = '$plan' AND m.wave <> 'rollout' AND NOT EXISTS (SELECT 1 FROM main.plan_release r"
                " WHERE r.plan_id = m.plan_id AND r.number = m.release_number)"),
        no_rows("releases_of_lawful_size", "no release is larger than may be approved at once",
                "SELECT number FROM main.plan_release WHERE plan_id = '$plan' AND size > 50000"),
        no_rows("releases_in_window", "every release opens inside the lawful window",
                "SELECT r.number FROM main.plan_release r JOIN {batch} p ON p.plan_id = r.plan_id"
                " WHERE r.plan_id = '$plan' AND (hour(r.opens_at) * 60 + minute(r.opens_at) < p.window_start_minute"
                " OR hour(r.opens_at) * 60 + minute(r.opens_at) >= p.window_end_minute)"),
    ),
)  # fmt: skip
"""What must hold of a plan once it is published: its totals are its rows."""
