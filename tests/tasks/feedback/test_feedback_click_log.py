"""A click log by file: each click once, programs apart, bad rows kept, unnamed messages left to the marts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chuda.errors import UsageError
from chuda.stores.ledger.queue import open_rejects
from chuda.stores.ledger.reading import CLICKS, LINK_CLICKS, read_frame
from chuda.workspace import open_workspace
from tasks.feedback.click_log import ClickLog, read_click_log
from tasks.feedback.stage import process_queue

ROOT = Path(__file__).parents[3]
ROWS = """手机号,点击时间,链接,浏览器
13800000000,2026-11-20 10:05:00,https://s.example/a,Mozilla/5.0 (iPhone)
+8613800000000,2026-11-20 10:05:00,https://s.example/a,Mozilla/5.0 (iPhone)
13800000001,2026-11-20 10:06:00,https://s.example/a,curl/8.0
x,2026-11-20 10:07:00,https://s.example/a,Mozilla/5.0
"""


@pytest.fixture
def with_channel(workspace_ledger, tmp_path):
    """A workspace with the demo's channel."""
    (tmp_path / "channels").mkdir()
    shutil.copy(ROOT / "data/campaigns/channels/demo.yaml", tmp_path / "channels")


def test_clicks_of_a_channel_nobody_knows_are_refused(with_channel, tmp_path):
    path = tmp_path / "clicks.csv"
    path.write_text(ROWS)
    with open_workspace() as workspace, pytest.raises(UsageError, match="demo"):
        read_click_log(workspace, path, "deno")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_each_click_counts_once_however_often_the_file_comes(with_channel, tmp_path, encoding):
    path = tmp_path / "clicks.csv"
    path.write_bytes(ROWS.encode(encoding))
    with open_workspace() as workspace:
        assert read_click_log(workspace, path, "demo") == ClickLog(4, 0)
        done = process_queue(workspace)
        assert (done["clicks"], done["scanners"], done["duplicates"]) == (1, 1, 1)
        assert read_click_log(workspace, path, "demo") == ClickLog(4, 4)
        assert not process_queue(workspace)["clicks"]
        with workspace.ledger.read() as connection:
            assert [reject.reason for _, reject in open_rejects(connection)] == ["number_unreadable"]
            assert read_frame(connection, CLICKS, {"after": 0})["batch_id"].to_list() == [None]


@pytest.mark.parametrize(("header", "missing"), [("phone,link", "clicked_at"), ("clicked_at,agent", "link")])
def test_a_log_without_its_columns_is_refused_by_name(with_channel, tmp_path, header, missing):
    path = tmp_path / "clicks.csv"
    path.write_text(f"{header}\n1,2\n")
    with open_workspace() as workspace, pytest.raises(UsageError, match=missing):
        read_click_log(workspace, path, "demo")


SITE = "clicked_at,link,user_agent\n"
TAP = "2026-11-20 10:05:00,https://cy.example/a,Mozilla/5.0 (iPhone)\n"
OTHER = "2026-11-20 10:06:00,https://cy.example/b,Mozilla/5.0 (iPhone)\n"


def test_a_log_that_names_nobody_counts_by_link_and_once_however_it_grows(with_channel, tmp_path):
    path = tmp_path / "access.csv"
    with open_workspace() as workspace:
        path.write_text(SITE + TAP + TAP + "2026-11-20 10:05:00,https://cy.example/a,Baiduspider\n")
        read_click_log(workspace, path, "demo")
        done = process_queue(workspace)
        assert (done["link_clicks"], done["scanners"], done["duplicates"], done["rejects"]) == (2, 1, 0, 0)
        path.write_text(path.read_text() + TAP + OTHER)
        read_click_log(workspace, path, "demo")
        assert process_queue(workspace)["link_clicks"] == 2
        with workspace.ledger.read() as connection:
            links = read_frame(connection, LINK_CLICKS, {"after": 0})["link"].to_list()
    assert links == ["https://cy.example/a"] * 3 + ["https://cy.example/b"]
