"""Messages that were edited between plan and approval are found, whatever was edited."""

from __future__ import annotations

import duckdb
import pytest
from plan_rows import OPENS, insert

from chuda.errors import Refused
from tasks.planning.fingerprint import check_fingerprint, fingerprint_releases
from tasks.planning.plan import create_plan_tables


@pytest.fixture
def connection():
    connection = duckdb.connect()
    create_plan_tables(connection)
    for number in (1, 2):
        for position, token in enumerate("abc"):
            insert(
                connection, "plan_message", plan_id="p1", token=f"{token}{number}", wave="all", text="满减", units=2,
                parts=1, send_at=OPENS, release_number=number, batch_id=f"p1-{number}-0", position=position,
                messages_before=0,
            )  # fmt: skip
    fingerprint_releases(connection, "p1")
    return connection


def test_what_was_planned_passes_in_any_order_of_its_rows(connection):
    connection.execute("CREATE TABLE turned AS SELECT * FROM plan_message ORDER BY token DESC")
    connection.execute("DELETE FROM plan_message")
    connection.execute("INSERT INTO plan_message SELECT * FROM turned")
    check_fingerprint(connection, "p1", 1)
    check_fingerprint(connection, "p1", 2)


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE plan_message SET text = '满赠' WHERE token = 'a1'",
        "UPDATE plan_message SET token = 'z1' WHERE token = 'a1'",
        "UPDATE plan_message SET parts = 2 WHERE token = 'a1'",
        "UPDATE plan_message SET batch_id = 'p1-1-9' WHERE token = 'a1'",
        "DELETE FROM plan_message WHERE token = 'a1'",
        "UPDATE plan_message SET release_number = 1 WHERE token = 'a2'",
        "DELETE FROM plan_message WHERE release_number = 1",
        "DELETE FROM plan_fingerprint",
    ],
)
def test_any_edit_is_refused_by_name(connection, edit):
    connection.execute(edit)
    with pytest.raises(Refused, match="the messages of p1-1 were changed after the plan was made"):
        check_fingerprint(connection, "p1", 1)


def test_an_edit_and_a_second_look_do_not_make_a_new_fingerprint(connection):
    connection.execute("UPDATE plan_message SET text = '满赠' WHERE token = 'a1'")
    fingerprint_releases(connection, "p1")
    with pytest.raises(Refused):
        check_fingerprint(connection, "p1", 1)
    check_fingerprint(connection, "p1", 2)
