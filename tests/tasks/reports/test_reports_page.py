"""The report: one page that stands alone, says nothing it cannot know, and can be reproduced figure by figure."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from kpi_world import NOW, World

from chuda.errors import UsageError
from tasks.kpi.refresh import refresh_marts
from tasks.reports.charts import FONTS
from tasks.reports.report import render_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def full_marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign with everything in it: experiment, segments, hours, failures, complaint, exclusions."""
    world = World()
    world.put(
        "plan_made",
        {
            "experiment_variable": "offer",
            "primary_metric": "clicks",
            "audience_size": 1300,
            "campaign_name": "<b>&周末",
        },
    )
    world.put_messages(300, delivered=298, clicked=60, variant="A", segment="sleeping_customers", wave="sample")
    world.put_messages(300, delivered=296, clicked=90, variant="B", segment="sleeping_customers", wave="sample")
    for hour in (11, 12, 13):
        world.put("batch_state", {"batch_id": f"h{hour}", "sent_at": f"2026-11-20 {hour}:00:00+08"})
        world.put_messages(
            200, delivered=180, clicked=20, segment="lost_customers", carrier="telecom", province="四川",
            send_at=f"2026-11-20 {hour}:00:00+08", batch=f"h{hour}",
        )  # fmt: skip
    world.put("plan_exclusion", {"token": "x1"}, {"token": "x2", "reason": "a_new_reason"})
    token = world.warehouse.execute("select token from plan_message where variant = 'A' limit 1").fetchall()[0][0]
    world.put("reply_received", {"token": token, "kind": "complaint", "text": "再发就投诉 13800138000"})
    world.put("order_clean", {"token": token})
    world.put("experiment_decision", {"variant": "A", "chosen": "B"}, {"variant": "B", "chosen": "B"})
    path = tmp_path_factory.mktemp("marts") / "marts.duckdb"
    refresh_marts(world.warehouse, path, NOW)
    return path


@pytest.fixture(scope="module")
def pages(full_marts: Path) -> dict[str, str]:
    return {language: render_report(full_marts, "c1", language) for language in ("zh", "en")}  # type: ignore[arg-type]


def svgs(page: str) -> Iterator[str]:
    return iter(re.findall(r"<svg\b.*?</svg>", page, re.S))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_nothing_is_fetched_and_nothing_runs(pages: dict[str, str], language: str) -> None:
    page = pages[language]
    assert not re.search(r"<(script|link|img|iframe|object|embed)\b", page)
    assert not re.search(r"\b(src|href|srcset|action|poster)\s*=|url\((?!#)|@import", page)
    addresses = set(re.findall(r"https?://[^\"'\s<]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_figure_is_reproduced_by_the_sql_beside_it(
    pages: dict[str, str], full_marts: Path, language: str
) -> None:
    blocks = [html.unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", pages[language], re.S)]
    assert len(blocks) == 13
    with duckdb.connect(str(full_marts), read_only=True) as analyst:
        for statement in (each for block in blocks for each in analyst.extract_statements(block)):
            assert analyst.execute(statement).fetchall(), statement.query


def test_nobody_can_be_told_from_it(pages: dict[str, str]) -> None:
    for page in pages.values():
        assert "13800138000" not in page
        assert not re.search(r"\b[0-9a-f]{32}\b", page)


def test_what_users_wrote_is_shown_and_not_obeyed(pages: dict[str, str]) -> None:
    assert "<h1>&lt;b&gt;&amp;周末</h1>" in pages["zh"]
    assert "a_new_reason" in pages["zh"]


def test_the_verdict_comes_first_with_its_cure(pages: dict[str, str]) -> None:
    zh, en = pages["zh"], pages["en"]
    assert "有 2 项未达标：送达率、转化率" in zh
    assert "2 off target: Delivery rate, Conversion rate" in en
    assert zh.index("未达标：") < zh.index("检查号码质量") < zh.index("核心指标") < zh.index("漏斗")


def test_a_page_speaks_one_language(pages: dict[str, str]) -> None:
    written = re.sub(r"<pre>.*?</pre>|<style>.*?</style>|<h1>.*?</h1>|<title>.*?</title>", "", pages["en"], flags=re.S)
    assert set(re.findall(r"[\u4e00-\u9fff]+", written)) <= {"四川", "广东"}
    assert "open rate" not in pages["zh"].lower().replace("open_rate", "")


def test_pictures_are_small_well_formed_and_use_the_readers_fonts(pages: dict[str, str]) -> None:
    drawn = list(svgs(pages["zh"]))
    assert len(drawn) == 4
    assert len(pages["zh"]) < 150_000
    for svg in drawn:
        root = ElementTree.fromstring(svg)
        assert root.get("viewBox") and not root.get("width")
        assert root.get("aria-label")
        assert html.escape(FONTS) in svg or FONTS in svg
        assert len(svg) < 40_000


def test_ids_of_the_pictures_do_not_collide(pages: dict[str, str]) -> None:
    ids = re.findall(r'\bid="([^"]+)"', "".join(svgs(pages["zh"])))
    assert len(ids) == len(set(ids))
    used = re.findall(r"url\(#([^)]+)\)", pages["zh"])
    assert set(used) <= set(ids)


def test_the_same_marts_give_the_same_page(pages: dict[str, str], full_marts: Path) -> None:
    assert render_report(full_marts, "c1", "zh") == pages["zh"]


def test_a_proven_weak_cell_is_marked(pages: dict[str, str]) -> None:
    assert re.search(r'<td>四川</td>.*<td class="low"[^>]*>✗90.0%<small>600</small>', pages["zh"])


def test_segments_can_be_called_as_the_user_calls_them(full_marts: Path) -> None:
    page = render_report(full_marts, "c1", "en", {"lost_customers": "The lost ones"})
    assert "The lost ones" in page
    assert "sleeping customers" in page


def test_shipped_segments_have_chinese_names(pages: dict[str, str]) -> None:
    assert "流失客户" in pages["zh"]


def test_what_is_not_measured_is_said_so(world: World) -> None:
    world.put("plan_made", {"click_tracking": "none"})
    world.put_messages(100, delivered=99)
    with world.marts() as marts:
        page = render_report(marts, "c1", "zh")
    assert "该通道不能追踪点击" in page
    assert "尚无发送后的订单数据" in page
    assert "送达率与 95% 区间" in page
    assert "可测的" in page


def test_a_plan_that_has_not_left_has_a_page_too(world: World) -> None:
    world.put("plan_made", {})
    world.put("plan_message", {"batch_id": None, "position": None})
    with world.marts() as marts:
        page = render_report(marts, "c1", "en")
    assert "Nothing has been sent yet" in page
    assert "<svg" not in page


def test_pending_receipts_make_it_provisional(world: World) -> None:
    world.put("plan_made", {})
    world.put_messages(100, delivered=0, receipts=False)
    with world.marts(NOW.replace(day=20)) as marts:
        page = render_report(marts, "c1", "zh")
    assert "暂定结论：还有 100 条" in page
    assert "未达标：" not in page


def test_an_unknown_campaign_is_answered_with_the_nearest(full_marts: Path) -> None:
    with pytest.raises(UsageError, match=r"no campaign 'c11'; there are: c1"):
        render_report(full_marts, "c11", "zh")


def test_a_quote_in_a_campaigns_name_is_taken_literally(full_marts: Path) -> None:
    with pytest.raises(UsageError, match="no campaign"):
        render_report(full_marts, "' or '1' = '1", "zh")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_on_a_phone_and_on_paper_nothing_sticks_out(pages: dict[str, str], tmp_path: Path) -> None:
    frames = "".join(
        f'<iframe width="{width}" height="3000" srcdoc="{html.escape(page.replace("@media print", media))}"></iframe>'
        for page in pages.values()
        for width, media in ((390, "@media print"), (720, "@media all"))
    )
    # what a phone can scroll sideways, paper cuts off
    script = (
        "<script>onload = () => document.title = [...document.querySelectorAll('iframe')].map(f => "
        "f.width == 390 ? f.contentDocument.documentElement.scrollWidth : [...f.contentDocument"
        ".querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length).join(' ')</script>"
    )
    (tmp_path / "phone.html").write_text(f"<title></title>{script}{frames}", "utf-8")
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--hide-scrollbars", "--no-sandbox", "--disable-gpu",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", f"file://{tmp_path / 'phone.html'}",
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "<title>390 0 390 0</title>" in done.stdout
