"""What the report shows: each figure is the answer of one query of `queries/`, kept with the SQL that reproduces it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from chuda.errors import UsageError
from chuda.stores.marts import Connection, read_rows

QUERIES = Path(__file__).parent / "queries"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """The rows of a query, and the query with its parameter written out."""

    name: str
    sql: str
    rows: Sequence[Row]

    @property
    def first(self) -> Row:
        """The row of a query that has exactly one."""
        return self.rows[0]


def read_figure(marts: Connection, name: str, campaign_id: str) -> Figure:
    """Ask one query of `queries/` about a campaign; the SQL that is kept is word for word what was asked."""
    quoted = "'" + campaign_id.replace("'", "''") + "'"
    return ask_figure(marts, QUERIES / f"{name}.sql", {"campaign_id": quoted})


def ask_figure(marts: Connection, path: Path, literals: Mapping[str, str]) -> Figure:
    """Ask the query of a file, its $parameters replaced by SQL literals, which stand in what is kept."""
    sql = path.read_text("utf-8").strip()
    for name, literal in literals.items():
        sql = sql.replace(f"${name}", literal)
    return Figure(path.stem, sql, read_rows(marts, sql))


def read_headline(marts: Connection, campaign_id: str) -> Figure:
    """The campaign's row of campaign_kpi.

    Raises:
        UsageError: there is no such campaign in the marts; with the nearest names.
    """
    headline = read_figure(marts, "headline", campaign_id)
    if not headline.rows:
        known = [row["campaign_id"] for row in read_rows(marts, "select campaign_id from campaign_kpi order by all")]
        near = get_close_matches(campaign_id, known, 3, 0.4) or known[:3]
        hint = f"; there are: {', '.join(near)}" if near else ""
        raise UsageError(f"the marts hold no campaign {campaign_id!r}{hint}. After sending: `chuda kpi refresh`")
    return headline
