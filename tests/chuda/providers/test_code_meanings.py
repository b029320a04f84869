"""From a table of codes to what is recorded: for a request as a whole, and message by message."""

from __future__ import annotations

import pytest

from chuda.providers.codes import Meaning, each_message, find_meaning, read_meanings, whole_request
from chuda.providers.protocol import MessageResult, SendResult

DEFAULT = MessageResult("unknown", "not_named")


def meaning(action, wait_s: float = 0.0) -> Meaning:
    return Meaning("X", "", action, wait_s, "a note")


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("accept", MessageResult("accepted", "", 0.0)),
        ("retry", MessageResult("not_sent", "X", 0.0)),
        ("defer", MessageResult("not_sent", "X", 7.0)),
        ("stop", MessageResult("not_sent", "X", 0.0)),
        ("reject", MessageResult("rejected", "X", 0.0)),
        ("unknown", MessageResult("unknown", "X", 0.0)),
    ],
)
def test_what_each_action_says_of_a_message(action, expected):
    assert meaning(action, 7.0).result("X") == expected


def test_a_request_answered_as_a_whole():
    assert whole_request("aliyun", "OK") == SendResult(MessageResult("accepted", ""))
    assert whole_request("aliyun", "Throttling.User") == SendResult(MessageResult("not_sent", "Throttling.User"), {}, 1)
    stopped = whole_request("aliyun", "isv.AMOUNT_NOT_ENOUGH")
    assert stopped.default == MessageResult("not_sent", "isv.AMOUNT_NOT_ENOUGH")
    assert (stopped.stop, stopped.retry_after_s) == ("no credit: top up the account (isv.AMOUNT_NOT_ENOUGH)", 0.0)


def test_the_message_beside_a_code_tells_how_long_a_person_waits():
    waits = {
        said: whole_request("aliyun", "isv.BUSINESS_LIMIT_CONTROL", said).default.defer_s
        for said in ("触发分钟级流控", "触发小时级流控", "触发天级流控", "触发流控")
    }
    assert waits == {"触发分钟级流控": 60, "触发小时级流控": 3600, "触发天级流控": 86400, "触发流控": 3600}
    (found,) = each_message("aliyun", [("m", "isv.BUSINESS_LIMIT_CONTROL", "触发天级流控")], DEFAULT).results.values()
    assert found == MessageResult("not_sent", "isv.BUSINESS_LIMIT_CONTROL", 86400)


def test_a_request_answered_message_by_message():
    answers = [
        ("a", "Ok", ""), ("b", "FailedOperation.PhoneNumberInBlacklist", ""), ("c", "RequestLimitExceeded", ""),
        ("d", "FailedOperation.MarketingSendTimeConstraint", ""), ("e", "LimitExceeded.PhoneNumberDailyLimit", ""),
    ]  # fmt: skip
    result = each_message("tencent", answers, DEFAULT)
    assert result.results == {
        "a": MessageResult("accepted"),
        "b": MessageResult("rejected", "FailedOperation.PhoneNumberInBlacklist"),
        "c": MessageResult("not_sent", "RequestLimitExceeded"),
        "d": MessageResult("not_sent", "FailedOperation.MarketingSendTimeConstraint"),
        "e": MessageResult("not_sent", "LimitExceeded.PhoneNumberDailyLimit", 86400),
    }
    assert result.default == DEFAULT, "who is not named"
    assert result.retry_after_s == 900, "the longest pause asked for; a person's wait is not the channel's"
    assert result.stop is None


def test_the_first_reason_to_stop_is_the_one_that_is_told():
    answers = [("a", "AuthFailure.TokenFailure", ""), ("b", "IpInBlacklist", "")]
    stop = each_message("tencent", answers, DEFAULT).stop
    assert stop == "the provider refused the credentials (AuthFailure.TokenFailure)"


def test_a_star_stands_for_all_that_begin_so_and_an_exact_code_for_itself():
    assert find_meaning("tencent", "AuthFailure.Anything").action == "stop"
    assert find_meaning("tencent", "AuthFailureOfAnotherKind").action == "unknown"
    assert find_meaning("tencent", "Okay").action == "unknown"
    assert find_meaning("aliyun", "isp").action == "unknown"
    assert find_meaning("nobody", "OK").code == "*"


def test_every_row_of_a_provider_is_read_in_the_order_of_the_file():
    rows = read_meanings("aliyun")
    assert rows[0] == Meaning("OK", "", "accept", 0.0, "taken")
    assert rows[-1].code == "isp.*"
    assert {row.code for row in rows}.isdisjoint({"Ok", "AuthFailure.*"})
