"""The words of every finding that is not a lexicon entry or a symbol: message, law, advice, in Chinese and English."""

from __future__ import annotations

from tasks.content.findings import Notice, Said

_OPT_OUT_LAW = Said(
    "《广告法》第四十三条第二款，《通信短信息服务管理规定》第十八至二十一条",
    "Advertising Law art. 43(2), MIIT Order 31 arts 18–21",
)
_SIGNATURE_LAW = Said(
    "《广告法》第四十三条第二款（明示发送者），通道商签名规范",
    "Advertising Law art. 43(2) (name the sender), provider signature rules",
)
_BILLING = Said(
    "运营商计费规则：70 字以内一条，超过按每 67 字一条", "Carrier billing: up to 70 characters one part, else 67 each"
)
_LINK_RULES = Said("通道商链接规范", "Provider link rules")
_TEMPLATE_RULES = Said("通道商模板规范", "Provider template rules")

TEMPLATE_UNREADABLE = Notice(
    "template.unreadable",
    "block",
    Said("模板读不懂：{said}", "The template cannot be read: {said}"),
    _TEMPLATE_RULES,
    Said("写成 {{变量}} 或 {{变量|后备文字}}", "Write {{variable}} or {{variable|fallback}}"),
)
SIGNATURE_MISSING = Notice(
    "signature.missing",
    "block",
    Said("开头没有签名", "There is no signature at the beginning"),
    _SIGNATURE_LAW,
    Said("以【登记名称】开头；已登记：{names}", "Begin with 【registered name】; on record: {names}"),
)
SIGNATURE_LENGTH = Notice(
    "signature.length",
    "block",
    Said(
        "签名“{excerpt}”有 {length} 个字，应为 2–12 个字", "The signature “{excerpt}” has {length} characters, not 2–12"
    ),
    _SIGNATURE_LAW,
    Said("改用登记过的简称", "Use a registered short name"),
)
SIGNATURE_UNREGISTERED = Notice(
    "signature.unregistered",
    "block",
    Said("签名“{excerpt}”不是登记的名称", "The signature “{excerpt}” is not a registered name"),
    _SIGNATURE_LAW,
    Said(
        "签名须与执照、商标或应用名称一字不差：{names}；新名称先登记到业务档案",
        "It must equal the licence, trade mark or app name: {names}; put a new name on record first",
    ),
)
OPT_OUT_MISSING = Notice(
    "opt_out.missing",
    "block",
    Said("没有写明怎样退订", "There is no opt-out instruction"),
    _OPT_OUT_LAW,
    Said("在末尾加上“{wording}”", "Add “{wording}” at the end"),
)
OPT_OUT_KEYWORD = Notice(
    "opt_out.keyword",
    "block",
    Said("退订词“{excerpt}”不会被识别为退订", "A reply “{excerpt}” would not be understood as an opt-out"),
    _OPT_OUT_LAW,
    Said(
        "改成“{wording}”，或把这个词加进 opt_out_words.yaml", "Write “{wording}”, or add the word to opt_out_words.yaml"
    ),
)
OPT_OUT_WORDING = Notice(
    "opt_out.wording",
    "block",
    Said("末尾不是通道要求的“{wording}”", "The text does not end with “{wording}” as the channel demands"),
    Said("通道商营销模板规范", "Provider rules for marketing templates"),
    Said(
        "让“{wording}”成为最后几个字，后面不加标点或空格", "Make “{wording}” the very last characters, nothing after it"
    ),
)
LENGTH_OVER = Notice(
    "length.over",
    "block",
    Said(
        "共 {units} 字，超过 {limit} 字上限 {over} 字，按 {parts} 条计费",
        "{units} characters, {over} over the limit of {limit}; billed as {parts} parts",
    ),
    _BILLING,
    Said(
        "删去 {over} 字，或给长的变量准备短的写法；确要发长短信，在活动里提高 max_units",
        "Cut {over}, or give long variables a shorter form; to send long texts raise max_units in the campaign",
    ),
)
LENGTH_HARD = Notice(
    "length.hard",
    "block",
    Said("共 {units} 字，超过 500 字，通道商不收", "{units} characters; providers take 500 at most"),
    _BILLING,
    Said("分成几次发送或改用链接", "Say less, or link to the rest"),
)
LINK_FORBIDDEN = Notice(
    "links.forbidden",
    "block",
    Said("这个通道不允许链接“{excerpt}”", "This channel allows no link such as “{excerpt}”"),
    _LINK_RULES,
    Said("删去链接，改写门店电话或公众号名称，或换允许链接的通道", "Remove it, or use a channel that allows links"),
)
LINK_NOT_FILED = Notice(
    "links.not_filed",
    "block",
    Said("链接“{excerpt}”没有在通道备案", "The link “{excerpt}” is not filed with the channel"),
    _LINK_RULES,
    Said(
        "先在通道备案并写进通道档案的 filed_links，且不能由变量拼出",
        "File it, list it in filed_links, and write it out in full",
    ),
)
LINK_SHORTENER = Notice(
    "links.shortener",
    "flag",
    Said("“{excerpt}”是公共短链接，常被拦截", "“{excerpt}” uses a public shortener and is often refused"),
    _LINK_RULES,
    Said("用自己备案域名的短链接", "Use a short link on a domain of your own"),
)
LINK_IN_VARIABLE = Notice(
    "links.variable",
    "block",
    Said("这个通道不允许变量里带链接", "This channel allows no link inside a variable"),
    _LINK_RULES,
    Said("把备案的链接写进模板正文", "Write the filed link into the template itself"),
)
VARIABLES_FORBIDDEN = Notice(
    "variables.forbidden",
    "block",
    Said(
        "这个通道的模板不允许变量（{excerpt}）",
        "This channel allows no variables in templates ({excerpt})",
    ),
    _TEMPLATE_RULES,
    Said("用固定文字（fixed_text），或换允许变量的通道", "Use fixed text, or a channel that allows variables"),
)
SALUTATION_DOUBLED = Notice(
    "variables.salutation",
    "flag",
    Said(
        "称呼未知时 {{salutation}} 就是“您好”，后面再写“您好”会重复",
        "Where the salutation is unknown it reads 您好, so another 您好 doubles it",
    ),
    Said("写作建议", "Style"),
    Said("写成“{{salutation}}，…”", "Write “{{salutation}}，…”"),
)
MISSING_VARIABLE = Notice(
    "variables.missing",
    "block",
    Said("变量没有值，也没有后备值", "A variable has neither a value nor a fallback"),
    _TEMPLATE_RULES,
    Said("补全数据，或写成 {{变量|后备值}}", "Complete the data, or write {{variable|fallback}}"),
)
