"""How a campaign's texts become wordings and policies: library templates, fixed texts, shorter texts, languages."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from chuda.campaign import Campaign
from chuda.clock import BUSINESS_ZONE
from chuda.errors import UsageError
from chuda.files.reader import parse_yaml
from chuda.settings import Settings
from tasks.content.context import ContentContext, load_content_reference
from tasks.content.scenarios import load_library
from tasks.planning.briefing import read_briefing
from tasks.planning.texts import overflow_policy, read_wording, render_texts

REFERENCE = Path(__file__).parents[3] / "data" / "reference"
LIBRARY = load_library(REFERENCE / "templates")
SIGNATURES = ("橙柚生活",)
CONTEXT = ContentContext(reference=load_content_reference(REFERENCE), signatures=SIGNATURES)


def campaign(template: str, more: str = "") -> Campaign:
    return parse_yaml(
        "id: c\nname: c\ntype: marketing\ntrade: retail\nsender: shop\nchannels: [demo]\naudience: {segments: [a]}\n"
        f"schedule: {{date: auto}}\ntemplate:\n{template}{more}",
        "campaign.yaml",
        Campaign,
    ).value


def render(made: Campaign, people: pl.DataFrame) -> dict[str, str | None]:
    """Text or reason by token."""
    arms = {arm.name: arm for arm in made.arms()} or {None: None}
    wordings = {name: read_wording(made, arm, LIBRARY, SIGNATURES) for name, arm in arms.items()}
    policies = {name: overflow_policy(made, arm, LIBRARY, SIGNATURES) for name, arm in arms.items()}
    found = render_texts(people, wordings, policies, CONTEXT)
    return dict(found.texts.select("token", "text").iter_rows()) | dict(found.excluded.iter_rows())


def person(token: str, **changes: object) -> dict[str, object]:
    return {"token": token, "language": "zh-Hans", "phone_region": "CN", "surname": "王", "gender": "m", "name": "王明",
            "city": "深圳", "points": 10} | changes  # fmt: skip


LONG = "    gift: " + "很长很长的礼品名称" * 5 + "\n"


def test_a_text_that_is_too_long_gives_way_to_the_shorter_one_with_the_variant_s_own_words():
    made = campaign(
        "  text: 【橙柚生活】{salutation}，{city}门店{offer}，到店可领，数量有限先到先得，"
        "欢迎带家人来，点 {link} 预约，拒收请回复R\n"
        "  short_text: 【橙柚生活】{offer}，拒收请回复R\n  overflow: shorter_text\n  link: https://cy.example/1\n",
        "experiment: {mode: sample, sample: 0.1, variable: offer, primary_metric: conversions, fallback: a, variants: ["
        "{name: a, variables: {offer: 满200减30}}, {name: b, variables: {offer: 第二件半价}}]}\n",
    )
    frame = pl.DataFrame([person("x", city="双江拉祜族佤族布朗族傣族自治县")])
    assert render(made, frame) == {"x": "【橙柚生活】第二件半价，拒收请回复R"}


def test_a_library_template_brings_its_own_shorter_text():
    name = next(key for key, each in LIBRARY.items() if each.shorter and each.trade == "retail")
    typical = dict(LIBRARY[name].typical["zh-Hans"])
    variables = {key: value for key, value in typical.items() if key not in ("surname", "gender", "signature", "link")}
    lines = "".join(f'    {key}: "{value}"\n' for key, value in variables.items())
    long = lines.replace('item: "', 'item: "' + "很长的商品名称" * 5).replace('offer: "', 'offer: "' + "很长的优惠" * 8)
    link = "  link: https://cy.example/n4\n"
    made = campaign(f"  library: {name}\n{link}  variables:\n{long}")
    policy = overflow_policy(made, None, LIBRARY, SIGNATURES)
    assert policy.action == "shorter"
    assert policy.shorter is not None
    text = render(made, pl.DataFrame([person("x")]))["x"]
    assert text is not None
    assert text.startswith("【橙柚生活】王先生")
    assert len(text) <= 67


def test_the_shorter_text_is_for_readers_of_its_language_only():
    made = campaign(
        "  text: 【橙柚生活】您好，欢迎光临深圳门店，拒收请回复R\n  short_text: 【橙柚生活】您好，拒收请回复R\n"
        "  overflow: shorter_text\n  languages:\n    en: 【橙柚生活】" + "Hello and welcome " * 9 + "拒收请回复R\n"
    )
    frame = pl.DataFrame([person("zh"), person("en", language="en")])
    assert render(made, frame) == {"zh": "【橙柚生活】您好，欢迎光临深圳门店，拒收请回复R", "en": "over_length"}


def test_a_channel_without_variables_gets_one_text_for_all():
    made = campaign("  text: 【橙柚生活】{salutation}，{city|本市}门店周末立减，拒收请回复R\n")
    [template] = read_wording(made, None, LIBRARY, SIGNATURES, is_fixed=True).values()
    assert template.source == "【橙柚生活】您好，本市门店周末立减，拒收请回复R"
    with pytest.raises(UsageError, match="points"):
        read_wording(
            campaign("  text: 【橙柚生活】您有{points}积分，拒收请回复R\n"), None, LIBRARY, SIGNATURES, is_fixed=True
        )


def test_languages_may_use_different_variables_and_everybody_gets_their_own():
    made = campaign(
        "  text: 【橙柚生活】您好，拒收请回复R\n  languages:\n"
        "    en: 【橙柚生活】Hello {name}, our shop is open, 拒收请回复R\n"
    )
    people = [person("zh"), person("hk", phone_region="HK", language="en", name="Ann")]
    assert render(made, pl.DataFrame([*people, person("long", language="en", name="A" * 60)])) == {
        "zh": "【橙柚生活】您好，拒收请回复R",
        "hk": "【橙柚生活】Hello Ann, our shop is open, 拒收请回复R",
        "long": "over_length",
    }


def test_every_shipped_campaign_can_be_planned(tmp_path):
    root = REFERENCE.parent
    settings = Settings(campaigns=root / "campaigns", reference=REFERENCE, home=tmp_path)
    now = datetime(2026, 11, 20, 9, tzinfo=BUSINESS_ZONE)
    names = {path.name for path in (root / "campaigns").glob("*.yaml")} - {"business.yaml"}
    assert {read_briefing(settings, root / "campaigns" / name, now).campaign.id for name in names}
