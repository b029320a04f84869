"""What people write back, browse with and buy, and what networks say when they fail: word lists with weights.

The shares are the simulator's own guesses in the range that the trade reports; only their order of size matters.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Choice:
    """Weighted alternatives; `pick` turns a uniform number in (0, 1) into one of them."""

    values: tuple[str, ...]
    bounds: tuple[float, ...]

    @classmethod
    def of(cls, weights: Mapping[str, float]) -> Choice:
        """Alternatives with their weights, in any unit."""
        return cls(tuple(weights), tuple(accumulate(weights.values())))

    def pick(self, draw: float) -> str:
        """The alternative at `draw`."""
        return self.values[min(bisect(self.bounds, draw * self.bounds[-1]), len(self.values) - 1)]


OPT_OUTS = Choice.of({
    "R": 28, "r": 6, "TD": 16, "T": 12, "td": 8, "退订": 9, "ＴＤ": 3, "Ｒ": 2, "N": 3, "n": 2, "退订。": 3, "拒收": 2,
    " R ": 1, "R。": 1, "t": 1, "Td": 1, "取消": 1, "QX": 1,
})  # fmt: skip
COMPLAINTS = Choice.of({
    "投诉": 4, "我要投诉你们": 2, "再发就投诉到12321": 3, "骚扰短信，已举报": 2, "谁给你们我的号码？我要投诉": 1,
})  # fmt: skip
CHATTER = Choice.of({
    "谢谢": 6, "多少钱": 4, "好的": 4, "你是谁": 4, "地址在哪里": 3, "几点关门？": 2, "1": 2, "？": 2, "收到": 3,
    "还有吗": 2, "可以预约明天下午吗": 1, "别再发了": 2, "发错了吧": 1,
})  # fmt: skip
ANSWERS = Choice.of({"Y": 6, "y": 3, "Ｙ": 1})
USER_AGENTS = Choice.of({
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1": 32,
    "Mozilla/5.0 (Linux; Android 14; V2309A) AppleWebKit/537.36 Chrome/123.0 Mobile VivoBrowser/21.5": 14,
    "Mozilla/5.0 (Linux; Android 14; 23127PN0CC) AppleWebKit/537.36 Chrome/119.0 Mobile MiuiBrowser/19.2": 16,
    "Mozilla/5.0 (Linux; HarmonyOS; ALN-AL00) AppleWebKit/537.36 Chrome/114.0 HuaweiBrowser/15.0 Mobile": 18,
    "Mozilla/5.0 (Linux; Android 13; PHM110) AppleWebKit/537.36 Chrome/115.0 Mobile HeyTapBrowser/45.1": 12,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36": 2,
})  # fmt: skip
PRODUCTS = Choice.of({"到店套餐": 3, "储值卡": 1, "明星单品": 4, "组合装": 2, "体验课": 1})

# Causes that belong to a number (they meet every message to it) and those that meet a single message.
LASTING = {"empty_number": 0.34, "suspended": 0.18, "blacklist": 0.11, "ported": 0.02}
PASSING = {
    "unreachable": 0.19, "handset": 0.04, "congestion": 0.04, "frequency": 0.02, "content": 0.02, "signature": 0.01,
    "ambiguous": 0.03,
}  # fmt: skip
# What lies with the phone and not with the channel.
OWN_CAUSES = frozenset(LASTING) | {"unreachable", "handset", "frequency"}
LASTING_SHARE = sum(LASTING.values())
LASTING_CAUSES = Choice.of(LASTING)
PASSING_CAUSES = Choice.of(PASSING)

_CODES = {
    "mobile": {
        "empty_number": "MK:0000 MK:0001", "suspended": "MK:0005 MK:0013", "blacklist": "MBBLACK BLACK TSBLACK",
        "ported": "MB:1047 MB:1048", "unreachable": "EXPIRED MK:0010 MK:0023 MK:0024", "handset": "MK:0017 MK:0208",
        "congestion": "MK:0192 NOROUTE", "frequency": "MK:1041 LIMIT", "content": "MK:0014 MK:1004 KEYWORD",
        "signature": "XA:0003 SIGNBLOCKED", "ambiguous": "UNDELIV REJECTD UNKNOWN",
    },
    "unicom": {
        "empty_number": "MI:0073 MI:0210", "suspended": "MI:0019 MI:0051", "blacklist": "MX:0013 BLACK TSBLACK",
        "ported": "NP:1243", "unreachable": "EXPIRED MI:0024 MI:0042 MI:0076", "handset": "MI:0208 MI:0099",
        "congestion": "MI:0018 MI:0061 TIMEOUT", "frequency": "MILIMIT BEYONDD", "content": "KEYWORD XA:0004",
        "signature": "NOSEND SIGNBLOCKED", "ambiguous": "UNDELIV REJECTD UNKNOWN",
    },
    "telecom": {
        "empty_number": "CB:0001 CB:0053 DB:0101", "suspended": "DB:0102", "blacklist": "TDBLACK DBBLACK DB:0141",
        "ported": "NP:1243", "unreachable": "EXPIRED MK:0010", "handset": "MOBLLE_TERMINAL_ERROR",
        "congestion": "IB:0008 TIMEOUT", "frequency": "DB:0142 BEYONDH", "content": "DB:0309 KEYWORD",
        "signature": "00138 00139", "ambiguous": "UNDELIV UNKNOWN",
    },
    "other": {
        "empty_number": "INVALID_NUMBER", "suspended": "MOBILE_NOT_ON_SERVICE", "blacklist": "MOBILE_IN_BLACK",
        "ported": "NP:1243", "unreachable": "EXPIRED", "handset": "MOBLLE_TERMINAL_ERROR", "congestion": "NO_ROUTE",
        "frequency": "MOBILE_SEND_LIMIT", "content": "CONTENT_KEYWORD", "signature": "SIGNBLOCKED",
        "ambiguous": "UNDELIV UNKNOWN",
    },
}  # fmt: skip


def failure_code(cause: str, carrier: str, draw: float) -> str:
    """One of the codes by which `carrier` reports `cause`; `draw` in (0, 1) picks it."""
    codes = _CODES.get(carrier, _CODES["other"])[cause].split()
    return codes[int(draw * len(codes))]
