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
                f"SELECT token FROM {{batch}} WHERE {_PLANNED_TEXT} AND units > $max_units"),
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
