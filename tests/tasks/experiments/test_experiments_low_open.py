"""Segments under 15% open are LOW only where it is no noise."""

from __future__ import annotations

import pytest

from chuda.errors import UsageError
from tasks.experiments.low_open import flag_open_rate, stays_low


# experiments.md: LOW up to 8 of 100, 21 of 200, 47 of 400.
@pytest.mark.parametrize(("delivered", "most"), [(100, 8), (200, 21), (400, 47)])
def test_low_ends_where_the_published_line_lies(delivered: int, most: int) -> None:
    assert flag_open_rate(most, delivered) == "LOW"
    assert flag_open_rate(most + 1, delivered) == "WATCH"
    assert flag_open_rate(round(0.15 * delivered), delivered) == "OK"


def test_what_is_not_measured_has_no_flag() -> None:
    assert flag_open_rate(None, 100) is None
    assert flag_open_rate(0, 0) is None
    with pytest.raises(UsageError, match="count people"):
        flag_open_rate(11, 10)


@pytest.mark.parametrize(
    ("flags", "stays"),
    [
        (("LOW", "LOW"), True),
        (("OK", "LOW", None, "LOW"), True),
        (("LOW", "LOW", "WATCH"), False),
        (("LOW", "WATCH", "LOW"), False),
        (("LOW",), False),
        ((), False),
    ],
)
def test_staying_low_takes_two_measured_campaigns_in_a_row(flags: tuple[str | None, ...], stays: bool) -> None:
    assert stays_low(flags) is stays
