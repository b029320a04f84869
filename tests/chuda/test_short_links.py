"""Codes cannot be guessed and stay the same; a link leads only where it may."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chuda.keys import Keys
from chuda.phones import mask_phones
from chuda.records import ChannelRecord
from chuda.short_links import (
    CODE,
    CODE_LENGTH,
    CODES,
    is_allowed_target,
    link_code,
    link_identity,
    link_pattern,
    make_link,
)

KEYS = Keys(bytes(32), bytes(range(32)))
IDENTITY = link_identity("winter", "2026-11-20", "flash")


def test_a_code_is_the_same_for_the_same_message_and_another_for_anything_else() -> None:
    codes = {
        link_code(KEYS, IDENTITY, "a" * 32),
        link_code(KEYS, IDENTITY, "b" * 32),
        link_code(KEYS, IDENTITY, "a" * 32, round_=1),
        link_code(KEYS, link_identity("winter", "2026-11-20", None), "a" * 32),
        link_code(KEYS, link_identity("winter", "2026-11-21", "flash"), "a" * 32),
        link_code(Keys(bytes(31) + b"x", bytes(range(32))), IDENTITY, "a" * 32),
    }
    assert len(codes) == 6
    assert link_code(KEYS, IDENTITY, "a" * 32) in codes
    assert all(CODE.fullmatch(code) for code in codes)
    assert CODES.bit_length() - 1 == 59


@given(st.text("0123456789abcdef", min_size=32, max_size=32))
def test_no_link_can_be_taken_for_a_phone_number(token: str) -> None:
    link = make_link("https://cy.example/r", link_code(KEYS, IDENTITY, token))
    assert mask_phones(link) == link
    assert re.search(link_pattern("https://cy.example/r/"), f"点 {link} 领取").group(1) == link[-CODE_LENGTH:]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "target",
    ["https://shop.example/a", "https://shop.example/a/", "https://shop.example/a/b?c=d#e", "https://SHOP.example/a"],
)
def test_an_allowed_address_and_what_lies_below_it_may_be_led_to(target: str) -> None:
    assert is_allowed_target(target, ["https://other.example", "https://shop.example/a/"])


@pytest.mark.parametrize(
    "target",
    ["https://shop.example", "https://shop.example/ab", "http://shop.example/a", "https://shop.example:8443/a",
     "https://shop.example.evil.example/a", "https://shop.example@evil.example/a", "https://evil.example/a",
     "https://shop.example/a/../b", "https://shop.example/a/%2e%2E/b", "//shop.example/a", "javascript:alert(1)",
     "https://shop.example/a\r\nX: y", "https://shop.example\\@evil.example/a", "https://shop.example/a b", "",
     "https://[::1/a", "https://shop.example:x/a"],
)  # fmt: skip
def test_nothing_else_may(target: str) -> None:
    assert not is_allowed_target(target, ["https://shop.example/a"])
    assert not is_allowed_target(target, [])


@pytest.mark.parametrize(("adapter", "text"), [("aliyun", "点 https://cy.example/${c} 领取"),
                                               ("tencent", "点 https://cy.example/{1} 领取")])  # fmt: skip
def test_a_cloud_takes_the_code_as_its_variable(adapter: str, text: str) -> None:
    from chuda.files import parse_yaml
    from tests.chuda.records.record_cases import CHANNEL

    keys = {"aliyun": "access_key_id: A\n  access_key_secret: B", "tencent": "secret_id: A\n  secret_key: B"}[adapter]
    made = CHANNEL.replace("adapter: generic", f"adapter: {adapter}\nregion: ap-guangzhou\napp_id: '1'")
    made = made.replace("token: SHOP_SMS_TOKEN", keys).replace("batch_size: 200", "batch_size: 100")
    made = made.replace("links: filed", "links: variables").replace("per_variant", "per_message")
    made += "short_links: https://cy.example\nlink_targets: [https://shop.example]\nfiled_templates:\n"
    made += f"  - {{code: '1', text: '{text}'}}\n"
    record = parse_yaml(made, "channel.yaml", ChannelRecord).value
    link = make_link("https://cy.example", link_code(KEYS, IDENTITY, "a" * 32))
    assert record.filed_templates[0].read_parameters(f"【橙柚生活】点 {link} 领取") == {
        record.filed_templates[0].names[0]: link[-CODE_LENGTH:]
    }
