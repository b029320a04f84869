"""What can be configured of the simulated company: its rules, its world, and the trouble it makes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from chuda.errors import UsageError

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Factor = Annotated[float, Field(ge=0.0)]
RequestFault = Literal[
    "refuse",
    "reset",
    "hang_before",
    "hang_after",
    "hang_lost",
    "accept_then_timeout",
    "bad_gateway",
    "bad_gateway_but_accepted",
    "slow",
    "too_many",
    "wrong_json",
]
REQUEST_FAULTS: tuple[RequestFault, ...] = get_args(RequestFault)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Faults(_Strict):
    """Probabilities of trouble; one request meets at most one fault. Waiting is in real seconds, as time-outs are.

    refuse: the connection is dropped before the body is read. reset: dropped after, nothing recorded.
    hang_before: waits, then records and answers. hang_after: records, waits, then answers. hang_lost: waits, then
    drops the connection, nothing recorded. accept_then_timeout: records, never answers. bad_gateway: 502, nothing
    recorded. bad_gateway_but_accepted: recorded, then 502. slow: a late but good answer. too_many: 429, nothing
    recorded. wrong_json: recorded, then 200 with a body that cannot be read.
    receipt_*: shares of receipts shown twice, out of order, never (the query still knows), or hours late.
    """

    refuse: Share = 0.0
    reset: Share = 0.0
    hang_before: Share = 0.0
    hang_after: Share = 0.0
    hang_lost: Share = 0.0
    accept_then_timeout: Share = 0.0
    bad_gateway: Share = 0.0
    bad_gateway_but_accepted: Share = 0.0
    slow: Share = 0.0
    too_many: Share = 0.0
    wrong_json: Share = 0.0
    receipt_duplicate: Share = 0.0
    receipt_reorder: Share = 0.0
    receipt_lost: Share = 0.0
    receipt_late: Share = 0.0
    hang_seconds: Factor = 15.0
    slow_seconds: Factor = 1.0
    retry_after_seconds: int = Field(default=1, ge=0)
    reorder_seconds: Factor = 300.0
    late_seconds: Factor = 6 * 3600.0

    @model_validator(mode="after")
    def _at_most_one_fault(self) -> Self:
        if self.total() > 1.0 + 1e-9:
            raise ValueError(f"the request faults add up to {self.total():g}; at most 1 is possible")
        return self

    def total(self) -> float:
        """The probability that a request meets any fault."""
        return sum(float(getattr(self, kind)) for kind in REQUEST_FAULTS)


class Limits(_Strict):
    """Ceilings over any window of one second; None is no ceiling. Above them the answer is 429."""

    requests_per_second: float | None = Field(default=None, gt=0)
    parts_per_second: float | None = Field(default=None, gt=0)


class Query(_Strict):
    """How far `GET /messages` can be trusted.

    definitive: once it has said "absent", a request for that batch that is still waiting inside (hang_before) is
    thrown away. lag_seconds: how long (by the company's clock) an acceptance stays invisible to the query.
    """

    definitive: bool = True
    lag_seconds: Factor = 0.0


class Effect(_Strict):
    """What a wording does: factors on the chance of a click, of an order after it, and of an opt-out."""

    contains: str = Field(min_length=1)
    clicks: Factor = 1.0
    orders: Factor = 1.0
    opt_outs: Factor = 1.0


def _delivery() -> dict[str, float]:
    return {
        "mobile": 0.989, "unicom": 0.986, "telecom": 0.985, "broadnet": 0.975, "mvno": 0.968, "overseas": 0.972,
    }  # fmt: skip


def _hours() -> dict[int, float]:
    return {8: 0.8, 9: 0.9, 10: 1.05, 11: 1.1, 12: 0.95, 13: 0.9, 14: 0.95, 15: 1.1, 16: 1.1, 17: 1.15, 18: 1.0,
            19: 1.05, 20: 1.1, 21: 0.9}  # fmt: skip


class Resend(_Strict):
    """Lost at the first attempt, sent again by the company itself; `tells` says whether its receipts admit it."""

    share: Share = 0.3
    after_seconds: tuple[Factor, Factor] = (90.0, 400.0)
    tells: bool = False


class Peak(_Strict):
    """Hours of the day (9.5 is 9:30, Asia/Shanghai) on Monday to Friday in which everything takes `factor` as long."""

    from_hour: Factor
    to_hour: Factor
    factor: Factor = 6.0


class Filter(_Strict):
    """Messages with one of these words are dropped, `share` of them, with a receipt that names something else."""

    words: tuple[str, ...]
    share: Share = 0.3
    code: str = "UNDELIV"


class DeadCell(_Strict):
    """From a moment on (until it is repaired, if ever) nothing arrives at numbers with these seven-digit prefixes: one
    carrier in one province."""

    prefixes: frozenset[str]
    since: datetime
    until: datetime | None = None
    share: Share = 1.0
    code: str = "NOROUTE"


class Conduct(_Strict):
    """What a company does that it would not tell: the bad channels of the trade, each by itself or together.

    overbilled: the share of messages whose bill and statistics say one part more than they had. bills_failed: with
    billing by delivery, the share of failed messages that are billed all the same.
    """

    resend: Resend | None = None
    peaks: tuple[Peak, ...] = ()
    filters: tuple[Filter, ...] = ()
    dead_cells: tuple[DeadCell, ...] = ()
    overbilled: Share = 0.0
    bills_failed: Share = 0.0


class WorldProfile(_Strict):
    """How people and networks behave. Rates are fractions of delivered marketing messages, unless said otherwise.

    delivery: chance of delivery per carrier. hours: factor on clicks per hour of acceptance (Asia/Shanghai; 1 if not
    named). order_rate: per person who clicked. answer_rate: replies "Y" where the text asks for one. always_on: phones
    that work and are switched on, as test phones are: they meet no failure and no delay of their own.
    """

    delivery: dict[str, Share] = Field(default_factory=_delivery)
    never_reported: Share = 0.001
    click_rate: Share = 0.27
    order_rate: Share = 0.18
    order_amount: Factor = 138.0
    opt_out_rate: Share = 0.0025
    complaint_rate: Share = 0.0001
    chatter_rate: Share = 0.002
    answer_rate: Share = 0.03
    hours: dict[int, Factor] = Field(default_factory=_hours)
    effects: tuple[Effect, ...] = ()
    always_on: frozenset[str] = frozenset()
    conduct: Conduct = Conduct()


class FiledText(_Strict):
    """A template that was filed and approved; variables as `${name}` (Aliyun) or `{1}` (Tencent Cloud)."""

    text: str = Field(min_length=1)
    type: Literal["marketing", "notification", "otp"] = "marketing"


class Cloud(_Strict):
    """What the company knows when it plays Aliyun or Tencent Cloud.

    per_number: whether the documented limits per number hold; tencent_per_day is the one that a customer sets there.
    echoes_session: whether Tencent's statuses repeat the SessionContext. push: where receipts and replies are pushed
    to, in whose form; retry_seconds are the pauses before further tries, after which a push is lost.
    """

    templates: dict[str, FiledText] = {}
    signatures: tuple[str, ...] = ()
    app_id: str = "1400000000"
    per_number: bool = True
    tencent_per_day: int = Field(default=10, ge=1)
    echoes_session: bool = True
    push_form: Literal["aliyun", "tencent"] | None = None
    push_receipts_to: str = ""
    push_replies_to: str = ""
    push_retry_seconds: tuple[float, ...] = (60.0, 300.0, 600.0)


class Profile(_Strict):
    """The whole company; every value has a default, so that an empty file is a profile."""

    max_batch: int = Field(default=100, ge=1, le=4096)
    marketing_hours: tuple[int, int] = (8, 22)
    requires_signature: bool = True
    blocked_words: tuple[str, ...] = ("代开发票", "博彩", "刷单")
    blacklist: tuple[str, ...] = ()
    blacklisted_share: Share = 0.0005
    price_per_part: Decimal = Decimal("0.055")
    billing: Literal["submitted", "delivered"] = "submitted"
    balance: Decimal = Decimal("1000000")
    limits: Limits = Limits()
    query: Query = Query()
    world: WorldProfile = WorldProfile()
    cloud: Cloud = Cloud()
    faults: Faults = Faults()


def load_profile(path: Path | None) -> Profile:
    """Read a profile from YAML; None is the default one.

    Raises:
        UsageError: the file cannot be read, or a key or value in it is not understood.
    """
    if path is None:
        return Profile()
    try:
        content: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        return Profile.model_validate(content or {})
    except OSError as error:
        raise UsageError(f"{path}: the simulator's profile cannot be read ({error.strerror})") from error
    except YAMLError as error:
        raise UsageError(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        raise UsageError(f"{path}: {describe(error)}") from error


def describe(error: ValidationError) -> str:
    """The problems of a value as `where: what`, without the values themselves."""
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, problem['loc'])) or '(whole)'}: {problem['msg']}" for problem in problems)
