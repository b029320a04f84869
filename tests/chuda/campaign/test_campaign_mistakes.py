"""Each mistake a person may make in a campaign file gets its own message, line, column and advice; cases are data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chuda.campaign import load_campaign
from chuda.files import BadFile
from tests.chuda.campaign.campaign_cases import CASES, KNOWN, NOW, SOUND, apply_edits, problems_of


def test_the_sound_file_has_no_problem() -> None:
    assert problems_of(SOUND) == ()


@pytest.mark.parametrize("case", CASES, ids=[case["mistake"] for case in CASES])
def test_a_mistake_is_named_with_its_place_and_advice(case: dict[str, Any]) -> None:
    text = apply_edits(case)
    assert [problem.code for problem in problems_of(text)] == case["codes"]
    for lang in ("zh", "en"):
        assert [str(problem) for problem in problems_of(text, lang)] == [f"spring.yaml:{line}" for line in case[lang]]


def test_there_are_far_more_than_thirty_distinct_mistakes_with_their_own_words() -> None:
    codes = {code for case in CASES for code in case["codes"]}
    words = {line.split(": ", 1)[1] for case in CASES for line in case["en"]}
    assert len(codes) >= 120
    assert len(words) >= len(codes)


def test_all_mistakes_of_a_file_are_reported_together_in_the_order_of_the_file() -> None:
    text = (
        SOUND.replace("type: marketing", "type: markting")
        .replace("[active_customers]", "[activ_customers]")
        .replace("salutation", "salutatoin")
        .replace('"2026-11-28"', "2026-10-01")
        .replace('"10:30-11:30"', "10:30")
        .replace("sample: 0.15", "sample: 0.5")
        .replace("budget_cny", "budjet_cny")
    )
    found = [(problem.line, problem.code) for problem in problems_of(text)]
    assert found == [
        (4, "not_a_choice_near"),
        (9, "unknown_segment_near"),
        (20, "unquoted_time"),
        (23, "sample_range"),
        (35, "unknown_key_near"),
    ]


def test_contradictions_are_found_beside_other_mistakes() -> None:
    text = SOUND.replace("type: marketing", "type: markting").replace("限时2天全场8折", "满199立减50元")
    assert [problem.code for problem in problems_of(text)] == ["not_a_choice_near", "variants_equal"]


def test_a_file_on_disk_is_read_with_its_names_and_dates(tmp_path: Path) -> None:
    path = tmp_path / "spring.yaml"
    path.write_text(SOUND.replace("2026-11-28", "2028-11-28"), encoding="utf-8")
    loaded = load_campaign(path, known=KNOWN, now=NOW, lang="en")
    assert loaded.value.id == "spring-sale"
    assert [problem.code for problem in loaded.warnings] == ["date_far"]
    path.write_text(SOUND.replace("[demo]", "[dmo]"), encoding="utf-8")
    with pytest.raises(BadFile, match=f"{path}:7:12: no such channel: 'dmo' – did you mean demo"):
        load_campaign(path, known=KNOWN, now=NOW, lang="en")
