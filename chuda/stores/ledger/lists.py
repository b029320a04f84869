"""A list of texts as a table, one parameter however long it is, on both stores."""

from __future__ import annotations

from sqlalchemy import Connection

_EACH = {
    "sqlite": "json_each(:values) AS t",
    "postgresql": "jsonb_array_elements_text(CAST(:values AS jsonb)) AS t(value)",
}


def each_of(connection: Connection) -> str:
    """A table `t` with the column `value`: the texts of the parameter `values`, a JSON array."""
    return _EACH[connection.dialect.name]
