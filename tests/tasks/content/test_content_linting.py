"""`chuda check`: what is read, where a finding stands, and that a template is no finished text."""

from __future__ import annotations

from pathlib import Path

import pytest

from chuda.errors import UsageError
from tasks.content.context import ContentContext, load_content_reference
from tasks.content.linting import Draft, describe, lint, read_drafts

GOOD = "【橙柚生活】王女士，满199立减50元，拒收请回复R"


@pytest.fixture(scope="module")
def context() -> ContentContext:
    reference = load_content_reference(Path(__file__).parents[3] / "data/reference")
    return ContentContext(reference=reference, signatures=("橙柚生活",))


def findings(text: str, context: ContentContext) -> list[tuple[str, int]]:
    return [(found.message_key, found.start) for found in lint(Draft("text", 1, text), context).findings]


def test_a_text_itself_is_one_draft():
    assert read_drafts(GOOD, iter(())) == [Draft("text", 1, GOOD)]


def test_a_file_is_read_by_line_without_comments_and_empty_lines(tmp_path):
    path = tmp_path / "drafts.txt"
    path.write_text(f"# autumn\n\n{GOOD}\r\n{GOOD}", encoding="utf-8-sig")
    assert read_drafts(str(path), iter(())) == [Draft(str(path), 3, GOOD), Draft(str(path), 4, GOOD)]
    path.write_bytes(GOOD.encode("gb18030"))
    assert read_drafts(str(path), iter(())) == [Draft(str(path), 1, GOOD)]


def test_stdin_is_read_by_line():
    assert read_drafts("-", iter([f"{GOOD}\n", "\n", f"{GOOD}\n"])) == [
        Draft("stdin", 1, GOOD),
        Draft("stdin", 3, GOOD),
    ]


def test_a_file_that_is_not_there_is_no_text(tmp_path):
    with pytest.raises(UsageError, match=r"there is no file drafts\.txt"):
        read_drafts("drafts.txt", iter(()))
    picture = tmp_path / "picture.txt"
    picture.write_bytes(b"\x89PNG\xff\xff\x00")
    with pytest.raises(UsageError, match="is no text file"):
        read_drafts(str(picture), iter(()))


def test_a_good_text_is_counted_and_has_no_finding(context):
    linted = lint(Draft("text", 1, GOOD), context)
    assert (linted.findings, linted.units, linted.parts) == ((), len(GOOD), 1)


def test_a_text_of_two_parts_says_so(context):
    linted = lint(Draft("text", 1, GOOD.replace("，拒", "，" + "好" * 60 + "，拒")), context)
    assert linted.parts == 2
    assert [found.rule for found in linted.findings] == ["length"]


def test_a_template_may_have_variables_of_its_campaign(context):
    template = "【橙柚生活】{salutation}，{shop}{offer|满减}，拒收请回复R"
    assert lint(Draft("text", 1, template), context).findings == ()
    assert findings(template.replace("满减", "稳赚"), context) == [("promise.wenzhuan", template.index("满减"))]


def test_a_brace_that_does_not_close_is_named_where_it_opens(context):
    template = "【橙柚生活】{salutation}，{offer，拒收请回复R"
    assert findings(template, context) == [("template.unreadable", template.index("{offer"))]


def test_columns_count_from_one(context):
    text = GOOD.replace("50元", "50元★")
    linted = lint(Draft("drafts.txt", 7, text), context)
    told = describe(linted, linted.findings[0], "en")
    assert (told["file"], told["line"]) == ("drafts.txt", 7)
    assert (told["column"], told["end_column"]) == (text.index("★") + 1, text.index("★") + 2)
    assert told["severity"] == "block"


def test_no_number_of_a_person_comes_back(context):
    linted = lint(Draft("text", 1, "【橙柚生活】★13800138000★，拒收请回复R"), context)
    told = [describe(linted, found, language) for found in linted.findings for language in ("zh", "en")]
    assert told
    assert "13800138000" not in str(told)
