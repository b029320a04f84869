"""Folding undoes the usual evasions, keeps the way back to the original, and is the same for a column."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.content.context import ContentReference
from tasks.content.folding import fold, spaced_expression, tight_expression

FORMS = {"穩": "稳", "賺": "赚"}


@pytest.mark.parametrize(
    "text", ["稳赚", "穩賺", "稳 赚", "稳*赚", "稳.赚", "稳、赚", "稳\u200b赚", "稳\ufe0f赚", "稳\u0336赚", "稳　赚"]
)
def test_evasions_fold_to_the_plain_word(text: str) -> None:
    assert fold(text, FORMS).tight == "稳赚"


def test_width_case_and_circled_forms_fold() -> None:
    assert fold("ＮＯ．①", {}).tight == "no1"


@pytest.mark.parametrize("mark", "，。！？；：,!?;:】\n")
def test_a_clause_mark_stays_as_one_break(mark: str) -> None:
    assert fold(f"稳 {mark}{mark} 赚", {}).tight == "稳\n赚"


def test_the_way_back_leads_to_the_characters_of_the_original() -> None:
    text = "保 证㊙100%"
    folded = fold(text, {})
    assert [text[place] for place in folded.tight_origins] == ["保", "证", "㊙", "1", "0", "0", "%"]
    assert len(folded.spaced) == len(folded.spaced_origins)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from("穩赚，。 *Ａa①㊣é\u200b\u0301😀%9.Z!\n】【\ufffc㈱…国"), max_size=15),
        min_size=1,
        max_size=6,
    )
)
def test_the_column_agrees_with_the_function(texts: list[str]) -> None:
    frame = pl.DataFrame({"text": texts}).with_columns(spaced=spaced_expression(pl.col("text"), FORMS))
    frame = frame.with_columns(tight=tight_expression(pl.col("spaced")))
    assert frame["spaced"].to_list() == [fold(text, FORMS).spaced for text in texts]
    assert frame["tight"].to_list() == [fold(text, FORMS).tight for text in texts]


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs", "Cn"]), max_size=20))
def test_every_assigned_character_folds_alike_in_both(text: str) -> None:
    folded = pl.DataFrame({"text": [text]}).select(spaced_expression(pl.col("text"), FORMS)).item()
    assert folded == fold(text, FORMS).spaced


def test_every_character_the_words_use_has_its_traditional_form(content_reference: ContentReference) -> None:
    """Characters that Big5 lacks are simplified ones, so traditional writers use another: the table must know it."""
    words = content_reference.reply_words
    patterns = [words.opt_out, words.complaint, words.before, words.after]
    for entry in content_reference.lexicon.entries:
        patterns += [each.polars for each in (entry.matcher.tight, entry.matcher.spaced) if each]
    used = {character for pattern in patterns for character in pattern if "\u4e00" <= character <= "\u9fff"}
    known = set(content_reference.lexicon.forms.values())
    missing = {c for c in used if not c.encode("big5", "ignore") and c not in known}
    assert not missing, f"add to traditional_forms.yaml: {''.join(sorted(missing))}"


def test_no_traditional_form_is_itself_a_character_of_a_word(content_reference: ContentReference) -> None:
    forms = content_reference.lexicon.forms
    assert not set(forms) & set(forms.values())
