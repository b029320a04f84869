"""Words with a meaning (gender, language, consent, kind of event), places, tags and numbers as people write them."""

from __future__ import annotations

import polars as pl

from tasks.contacts.text import filled, fold, look_up, only_where, read_free_text


def _meaning(meaning: str, words: str) -> dict[str, str]:
    return dict.fromkeys(words.split("|"), meaning)


GENDERS = {
    **_meaning("m", "男|男性|男士|先生|m|male|man|boy|mr|1|1.0"),
    **_meaning("f", "女|女性|女士|小姐|太太|f|female|woman|girl|ms|mrs|miss|2|2.0"),
    **_meaning("", "未知|不详|保密|未填|无|其他|unknown|other|u|n/a|null|none|-|0|9|0.0"),
}
LANGUAGES = {
    **_meaning(
        "zh-Hans",
        "简体|简体中文|中文|中文简体|中文(简体)|简中|普通话|国语|汉语|简|zh|zh-cn|zh_cn|zh-hans|zh-hans-cn|"
        "chinese|simplified chinese|chs|cn",
    ),
    **_meaning(
        "zh-Hant",
        "繁体|繁體|繁体中文|繁體中文|中文繁体|中文(繁体)|中文(繁體)|繁中|粤语|廣東話|zh-tw|zh_tw|zh-hk|zh_hk|"
        "zh-mo|zh-hant|traditional chinese|cht|tw|hk",
    ),
    **_meaning("en", "英文|英语|英語|english|en|en-us|en_us|en-gb|eng"),
    **_meaning("", "未知|无|其他|unknown|null|none|-"),
}
CONSENTS = {
    **_meaning(
        "granted",
        "是|y|yes|true|t|1|1.0|同意|已同意|愿意|接受|允许|可以|授权|已授权|订阅|已订阅|有|对|√|✓|✔|✅|"
        "granted|agree|agreed|accept|accepted|opt-in|optin|opted in|opt in|subscribed|on",
    ),
    **_meaning(
        "denied",
        "否|n|no|false|f|0|0.0|不同意|未同意|不愿意|拒绝|已拒绝|不接受|不允许|不可以|未授权|取消授权|撤回|"
        "已撤回|退订|已退订|拒收|取消|取消订阅|未订阅|×|✗|✘|❌|denied|disagree|refuse|refused|reject|"
        "rejected|opt-out|optout|opted out|opt out|unsubscribed|withdrawn|off",
    ),
    **_meaning("none", "未知|无|没有|未填|未填写|不详|暂无|unknown|none|null|n/a|nan|-"),
}
EVENT_KINDS = {
    **_meaning("appointment", "预约|預約|预定|appointment|booking|reservation"),
    **_meaning("installation", "安装|安裝|上门安装|installation|install"),
    **_meaning("visit", "到店|到访|来访|进店|visit|store visit"),
    **_meaning("touch", "触达|公众号|企业微信|企微|touch"),
}

read_genders = look_up(GENDERS, "unknown_gender")
read_languages = look_up(LANGUAGES, "unknown_language")
read_consents = look_up(CONSENTS, "unknown_consent_word")

_PROVINCES = (
    "北京|天津|上海|重庆|河北|山西|内蒙古|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|广西|海南|四川|贵州|云南|西藏|陕西|甘肃|青海|"
    "宁夏|新疆|台湾|香港|澳门"
)
_PROVINCE_HEAD = rf"^(?:中国)?(?:{_PROVINCES})(?:省|(?:壮族|回族|维吾尔)?自治区|特别行政区)?(\p{{Han}}{{2,}})$"
_MUNICIPALITY = r"^(?:中国)?(北京|天津|上海|重庆|香港|澳门).*$"
_BELOW_CITY = r"^(\p{Han}{2,}?)市.*$"
_CITY_TAIL = r"^(\p{Han}{2,}?)(?:市|地区|盟)$"
_PREFECTURE = (
    "(?:朝鲜族|土家族|苗族|藏族|羌族|彝族|布依族|侗族|壮族|傣族|白族|景颇族|傈僳族|哈尼族|回族|蒙古族|蒙古|哈萨克|柯尔克孜)+"
    "自治州$"
)
_NO_PLACE = ("无", "未知", "不详", "其他", "其它", "暂无", "null", "none", "unknown", "n/a", "-")
_TAG_SEPARATORS = r"[,;、|/\n]+"
_LONGEST_WORD = 60
_WHOLE = r"^(-?[0-9]{1,15})(?:\.0*)?$"
_MONEY = r"^-?[0-9]{1,10}(?:\.[0-9]{1,9})?$"
_UNITS = r"(?i)^(?:[¥$]|cny|rmb)|[ ,]|(?:元|分|点|个|积分|cny|rmb)$"


def read_cities(texts: pl.LazyFrame) -> pl.LazyFrame:
    """A reader of cities: the short form that the prefix table uses (`广东省深圳市南山区` is 深圳)."""
    city = fold(pl.col("text")).str.replace_all(r"[\s0-9]+", "")
    for pattern in (_MUNICIPALITY, _PROVINCE_HEAD, _BELOW_CITY, _CITY_TAIL):
        city = city.str.replace(pattern, "${1}")
    city = city.str.replace(_PREFECTURE, "").str.head(_LONGEST_WORD)
    return texts.with_columns(city=city).with_columns(
        value=only_where(~pl.col("city").str.to_lowercase().is_in(_NO_PLACE), filled(pl.col("city"))),
        problem=pl.lit(None, pl.String),
    )


def read_tags(texts: pl.LazyFrame) -> pl.LazyFrame:
    """A reader of tags: a list of different texts in their order, NULL for none; phone numbers in them are masked."""
    tag = pl.element().str.strip_chars()
    words = pl.col("value").str.replace_all(_TAG_SEPARATORS, "\x1f").str.split("\x1f")
    return (
        read_free_text(texts)
        .with_columns(value=words.list.eval(tag.filter(tag != "").unique(maintain_order=True)))
        .with_columns(value=only_where(pl.col("value").list.len() > 0, pl.col("value")))
    )


def read_whole_numbers(texts: pl.LazyFrame) -> pl.LazyFrame:
    """A reader of whole numbers (Int64), with thousands separators or units; problem `unreadable_number`."""
    return _read_quantity(texts, pl.col("bare").str.extract(_WHOLE).cast(pl.Int64), "unreadable_number")


def read_money(texts: pl.LazyFrame) -> pl.LazyFrame:
    """A reader of amounts in CNY (Decimal(12,2), rounded half up), with currency signs; problem `unreadable_amount`."""
    exact = only_where(pl.col("bare").str.contains(_MONEY), pl.col("bare")).cast(pl.Decimal(38, 9))
    return _read_quantity(
        texts, exact.round(2, mode="half_away_from_zero").cast(pl.Decimal(12, 2)), "unreadable_amount"
    )


def read_event_kinds(texts: pl.LazyFrame) -> pl.LazyFrame:
    """A reader of kinds of event: the known ones by their English name, any other as it is written."""
    known = fold(pl.col("text")).str.to_lowercase().replace_strict(EVENT_KINDS, default=None, return_dtype=pl.String)
    return read_free_text(texts).with_columns(value=pl.coalesce(known, pl.col("value").str.to_lowercase()))


def _read_quantity(texts: pl.LazyFrame, value: pl.Expr, problem: str) -> pl.LazyFrame:
    return (
        texts.with_columns(bare=fold(pl.col("text")).str.replace_all(_UNITS, ""))
        .with_columns(value=value)
        .with_columns(problem=only_where((pl.col("bare") != "") & pl.col("value").is_null(), pl.lit(problem)))
    )
