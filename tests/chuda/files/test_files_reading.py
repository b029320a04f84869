"""Hand-written YAML: what is written is what is read, everything else is refused with its place, and nothing leaks."""

from __future__ import annotations

import json
import pickle
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field

from chuda.errors import UsageError
from chuda.files import BadFile, FileModel, Loaded, Problem, load_yaml, mask_phones, parse_yaml
from chuda.files.types import Constants, Day, Flag, Fraction, Items, Text, Texts, Url

TESTS = Path(__file__).resolve().parents[1]
SOUND_CAMPAIGN = (TESTS / "campaign/mistakes/sound.yaml").read_text(encoding="utf-8")


class Inner(FileModel):
    """A section."""

    label: Text
    share: Fraction = Decimal("0.5")


class Sample(FileModel):
    """A file with a key of every kind."""

    secret_keys: ClassVar[frozenset[str]] = frozenset({"keys"})

    text: Text | None = None
    flag: Flag = False
    day: Day | None = None
    link: Url | None = None
    names: Texts = ()
    keys: Constants = Field(default_factory=dict)
    inner: Inner | None = None
    many: Items[Inner] = ()


def read(text: str) -> Loaded[Sample]:
    """The sample file of this text."""
    return parse_yaml(text, "sample.yaml", Sample, lang="en")


def problems_of(text: str) -> tuple[Problem, ...]:
    """What is wrong with the sample file of this text."""
    with pytest.raises(BadFile) as caught:
        read(text)
    return caught.value.problems


def codes_of(text: str) -> list[str]:
    """The codes of what is wrong."""
    return [problem.code for problem in problems_of(text)]


printable = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]), min_size=1, max_size=30)


@settings(max_examples=100)
@given(text=printable.filter(lambda text: text.strip() != ""))
def test_a_quoted_text_is_read_as_it_is_written(text: str) -> None:
    written = json.dumps(text, ensure_ascii=False)
    assert read(f"text: {written}").value.text == text
    single = text.replace("'", "''")
    assert read(f"text: '{single}'").value.text == text


AMBIGUOUS = (
    "22:00 1:30:00 -1:30 12:30.5 no No NO yes on Off y N True FALSE 0123 00 -01 0755.5 "
    "1_000 0x1F 0b11 0o17 1e3 1.5E-3 .5 5. .inf -.INF .nan +5 999999999999999999999999999"
)


@pytest.mark.parametrize("word", AMBIGUOUS.split())
def test_what_readers_of_yaml_disagree_on_is_refused_by_name(word: str) -> None:
    (problem,) = problems_of(f"text: {word}")
    assert problem.code in ("unquoted_time", "unquoted_word", "leading_zero", "odd_number")
    assert f'"{mask_phones(word)}"' in problem.advice
    assert (problem.line, problem.column) == (1, 7)
    assert read(f'text: "{word}"').value.text == word


@pytest.mark.parametrize(
    "word", ["10:30-11:30", "2026-11-28", "nobody", "onwards", "1 000", "v1.5", "拒收", "a:b", "1.2.3"]
)
def test_words_that_mean_one_thing_need_no_quotes(word: str) -> None:
    assert read(f"text: {word}").value.text == word


def test_each_kind_of_value_is_read_exactly() -> None:
    text = """
text: 橙柚
flag: true
day: 2026-11-28
link: https://cy.example/a?b=1
names: [a, "no"]
keys: {token: CHUDA_TOKEN}
inner: {label: x, share: 0.15}
many:
  - label: z
    share: 1
"""
    value = read(text).value
    assert (value.text, value.flag, value.day) == ("橙柚", True, date(2026, 11, 28))
    assert value.names == ("a", "no")
    assert value.inner == Inner(label="x", share=Decimal("0.15"))
    assert value.many[0].share == 1


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("text: 5", "expected_text", (1, 7)),
        ("text: true", "expected_text", (1, 7)),
        ("text: [a]", "expected_text", (1, 1)),
        ("flag: 1", "expected_flag", (1, 7)),
        ('flag: "true"', "expected_flag", (1, 7)),
        ("names: a", "expected_list", (1, 8)),
        ("names:\n  - a\n  - 5", "expected_text", (3, 5)),
        ("names:\n  - a\n  - b\n  - a", "listed_twice", (4, 5)),
        ("keys: [a]", "expected_mapping", (1, 1)),
        ("inner: x", "expected_mapping", (1, 8)),
        ("inner: {share: 0.5}", "missing_key", (1, 1)),
        ("inner:\n  label: x\n  shere: 0.5", "unknown_key_near", (3, 3)),
        ("inner:\n  label: x\n  share: 1.5", "bad_fraction", (3, 10)),
        ("inner:\n  label: x\n  share: 15%", "percent", (3, 10)),
        ("many:\n  - label: x\n  - share: 0.5", "missing_key", (3, 5)),
        ("many:\n  - x", "expected_mapping", (2, 5)),
        ("many:\n  - label：x", "full_width_colon", (2, 5)),
        ("many: {label: x}", "expected_list", (1, 1)),
        ("text:", "empty_value", (1, 6)),
        ("text: ~", "empty_value", (1, 7)),
        ("day: 2026-02-29", "no_such_date", (1, 6)),
        ("link: ftp://a.example", "bad_url", (1, 7)),
        ("link: https://a b", "bad_url", (1, 7)),
        ("link: https://[x", "bad_url", (1, 7)),
        ("text: a\ntext: b", "duplicate_key", (2, 1)),
        ("inner:\n  label: x\n  label: x", "duplicate_key", (3, 3)),
        ("text: &a b", "yaml_anchor", (1, 7)),
        ("names: [*a]", "yaml_anchor", (1, 9)),
        ("text: ! b", "yaml_tag", (1, 7)),
        ("<<: {text: a}", "yaml_merge", (1, 1)),
        ("? [a]\n: b", "odd_key", (1, 3)),
        ("text: a\n...\ntext: b", "several_documents", (3, 1)),
        ("- text: a", "expected_mapping", (1, 1)),
        ("just words", "expected_mapping", (1, 1)),
        ("text: 'a\nflag: true", "unclosed_quote", (1, 7)),
        ('day: "2026-11-28\ntext: "x"', "unclosed_quote", (1, 6)),
        ("names: [a, b", "unclosed_bracket", (1, 8)),
        ("inner:\n\tlabel: x", "tab_indent", (2, 1)),
        ("inner:\n\u3000label: x\n  share: 1", "tab_indent", (2, 1)),
        ("text: a\n flag: true", "bad_indentation", (2, 6)),
        ("text: @a", "needs_quotes", (1, 7)),
        ("text: {offer}，快来", "needs_quotes", (1, 7)),
        ("text: a: b", "needs_quotes", (1, 7)),
        ("text：a\nflag: true", "full_width_colon", (1, 5)),
        ("text:a\nflag: true", "missing_space", (1, 6)),
        ("text a\nflag: true", "missing_colon", (1, 1)),
        ("text: a\x07", "control_character", (1, 8)),
        ("text: " + "[" * 100, "nested_too_deeply", None),
        ("text: " + "[" * 5000, "nested_too_deeply", None),
        ("", "empty_file", (1, 1)),
        ("# nothing\n", "empty_file", (1, 1)),
        ("text: |x", "not_yaml", (1, 8)),
        ('text: "C:\\path"', "bad_escape", None),
        ("text: a }", None, None),
        ("%YAML 1.1\n---\nflag: yes", "unquoted_word", (3, 7)),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, code: str | None, place: tuple[int, int] | None) -> None:
    if code is None:
        assert read(text)
        return
    (problem,) = problems_of(text)
    assert problem.code == code
    assert place is None or (problem.line, problem.column) == place


def test_all_problems_come_together_in_the_order_of_the_file() -> None:
    text = "flag: yes\ntext: 5\nday: tomorrow\nother: 1\ninner: {share: 2}\nflag: true\n"
    in_order = "unquoted_word expected_text bad_date unknown_key missing_key bad_fraction duplicate_key"
    assert codes_of(text) == in_order.split()


def test_a_value_that_was_refused_is_not_complained_about_twice() -> None:
    assert codes_of("names: [no, a]") == ["unquoted_word"]
    assert codes_of("keys: {a: 0123}") == ["leading_zero"]


@settings(max_examples=40)
@given(blank=st.lists(st.sampled_from(["", "   ", "# a comment", "  # 注释"]), max_size=6))
def test_blank_lines_and_comments_move_the_place_and_nothing_else(blank: list[str]) -> None:
    above = "".join(f"{line}\n" for line in blank)
    (problem,) = problems_of(f"flag: true\n{above}text: 5")
    assert (problem.line, problem.column) == (len(blank) + 2, 7)


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        ("text: 橙柚\nnames: [天河]".encode("gb18030"), "not_utf8", (1, 7)),
        ("text: ok\nnames: [天河]".encode("utf-16"), "not_utf8", (1, 1)),
        (b"text: a\n# " + b"x" * 1024 * 1024, "file_too_large", (1, 1)),
        (b"", "empty_file", (1, 1)),
        (b"\x00\x01", "control_character", (1, 1)),
        (b"PK\x03\x04\x14\x00", "control_character", (1, 3)),
    ],
)
def test_what_is_no_text_gives_one_clear_message(
    tmp_path: Path, content: bytes, code: str, place: tuple[int, int]
) -> None:
    path = tmp_path / "sample.yaml"
    path.write_bytes(content)
    with pytest.raises(BadFile) as caught:
        load_yaml(path, Sample)
    (problem,) = caught.value.problems
    assert (problem.code, (problem.line, problem.column)) == (code, place)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none.yaml", "no_such_file"), (tmp_path, "unreadable_file")):
        with pytest.raises(BadFile) as caught:
            load_yaml(path, Sample)
        assert [problem.code for problem in caught.value.problems] == [code]
        assert str(caught.value).startswith(f"{path}:1:1: ")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_windows_editors_are_welcome(tmp_path: Path, newline: str) -> None:
    path = tmp_path / "sample.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + newline.join(["text: 橙柚", "flag: true", ""]).encode())
    assert load_yaml(path, Sample) == Sample(text="橙柚", flag=True)


def test_a_block_text_loses_its_last_line_break_only() -> None:
    assert read("text: |\n  a\n\n  b\n").value.text == "a\n\nb"


def test_the_error_is_a_usage_error_and_survives_another_process() -> None:
    with pytest.raises(UsageError) as caught:
        read("flag: yes")
    assert caught.value.exit_code == 2
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.problems[0].code == "unquoted_word"


PHONES = [
    "13800138000",
    "138 0013 8000",
    "138-0013-8000",
    "+86-138-0013-8000",
    "008613800138000",
    "(86)13800138000",
    "１３８００１３８０００",
    "x13800138000y",
    "+852 9123 4567",
    "+886912345678",
]


@pytest.mark.parametrize("phone", PHONES)
@pytest.mark.parametrize(
    "text",
    [
        "day: '{}'",
        "flag: '{}'",
        "names: '{}'",
        "inner: '{}'",
        "'{}': 1",
        "text: a\n'{}': 1\n'{}': 2",
        "keys:\n  '{} ': a",
        "link: '{}'",
        "names: ['{}', '{}']",
    ],
)
def test_a_phone_number_is_masked_in_every_message(text: str, phone: str) -> None:
    for problem in problems_of(text.replace("{}", phone)):
        said = str(problem)
        assert phone not in said
        assert "00138000" not in "".join(character for character in said if character.isdigit())
        assert "91234567" not in said.replace(" ", "")


@pytest.mark.parametrize("number", ["B2-20260001", "400-820-0000", "2026-11-28", "10000000", "10:30-11:30"])
def test_what_is_no_phone_is_shown(number: str) -> None:
    assert mask_phones(f"a {number} b") == f"a {number} b"


@pytest.mark.parametrize(
    "text", ["keys: sk-12345", "keys: {token: 0123}", "keys: {token: 5}", "keys: {token: '{x'}", "keys: {A: b}"]
)
def test_a_secret_is_shown_in_no_message(text: str) -> None:
    said = " ".join(str(problem) for problem in problems_of(text))
    assert not any(secret in said for secret in ("sk-12345", "0123", "{x", "'5'", "not 5"))


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.sampled_from(list("abtext: flagnames-[]{}'\"#&*!|>%@,\n\t ：015.\x07\\?")), max_size=60))
@example("a: |\n")
@example("? ")
@example("text: |\n\n\n")
@example("-")
@example("{}")
@example("text: !<tag:x> a")
@example("text: 'a\\")
@example('text: "\\x"')
@example("%YAML 9.9\n---\na: b")
@example("%TAG ! tag:x,2000:\n---\na: !b c")
@example("\ufeff")
@example("a: b\n--- \n")
@example("text: >-\n  a\n b")
@example("[a, b]: c")
@example("&a : b")
def test_whatever_is_typed_is_either_read_or_refused_with_a_place(text: str) -> None:
    try:
        read(text)
    except BadFile as error:
        assert error.problems
        for problem in error.problems:
            assert 1 <= problem.line <= text.count("\n") + 1
            assert problem.column >= 1


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_slip_of_the_finger_in_a_real_file_never_ends_in_a_traceback(data: st.DataObject) -> None:
    from chuda.campaign import Campaign

    start = data.draw(st.integers(0, len(SOUND_CAMPAIGN)))
    length = data.draw(st.integers(0, 40))
    typed = data.draw(
        st.sampled_from(["", "'", '"', ":", "：", "\n", "\t", "- ", "{", "}", "[", "no", "22:00", "  ", "#"])
    )
    text = SOUND_CAMPAIGN[:start] + typed + SOUND_CAMPAIGN[start + length :]
    try:
        parse_yaml(text, "campaign.yaml", Campaign)
    except BadFile as error:
        assert all(1 <= problem.line <= text.count("\n") + 1 for problem in error.problems)


def read_everything() -> Any:
    """Every test module of the rooms that raise messages, as one text."""
    folders = [TESTS / room for room in ("files", "campaign", "records")]
    return "\n".join(
        path.read_text(encoding="utf-8")
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".yaml")
    )


def test_every_message_of_the_catalogue_is_provoked_by_a_test() -> None:
    from chuda.files.catalogue import CATALOGUE

    words = read_everything()
    assert [code for code in CATALOGUE if code not in words and code != "invalid_value"] == []


def test_every_message_has_words_and_advice_in_both_languages() -> None:
    from chuda.files.catalogue import CATALOGUE

    for code, entry in CATALOGUE.items():
        assert all(part.strip() for part in entry), code
        assert entry.zh != entry.en, code
