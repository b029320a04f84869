"""Messages about campaigns: text, audience, schedule, names that lie elsewhere, dates, the files beside them."""

from __future__ import annotations

from collections.abc import Mapping

from chuda.files.catalogue.words import Message

CAMPAIGN_MESSAGES: Mapping[str, Message] = {
    "section_missing": Message(
        "缺少“{key}”", "营销和通知都要写明 {key}", "'{key}' is missing", "marketing and notifications need {key}"
    ),
    "not_for_otp": Message(
        "验证码活动不能有“{key}”",
        "删掉；验证码用 chuda notify 按请求发送",
        "an otp campaign has no '{key}'",
        "delete it; codes are sent on request with chuda notify",
    ),
    "only_for_marketing": Message(
        "只有营销活动能有“{key}”",
        "删掉，或把 type 改成 marketing",
        "only marketing campaigns have '{key}'",
        "delete it, or set type: marketing",
    ),
    "no_channel": Message(
        "没有渠道", "至少写一个，如 channels: [demo]", "no channel", "name at least one: channels: [demo]"
    ),
    "weekly_cap": Message(
        "每人每 7 天的营销短信上限不能是 {value}",
        "法规要求最多 {high} 条，只能调低（{low}–{high}）",
        "the weekly cap cannot be {value}",
        "it can only be lowered from {high}, to {low} at least",
    ),
    "text_missing": Message(
        "没有短信正文",
        "在 template 里写 text 或 library，或在每个版本里写 text",
        "there is no text",
        "write text or library in the template, or text in every variant",
    ),
    "text_and_library": Message(
        "text 和 library 只能二选一", "删掉其中一个", "text and library exclude each other", "delete one of them"
    ),
    "text_in_two_places": Message(
        "正文既在 template 里，又在版本里",
        "删掉 template 里的，或改用 variables 表示差别",
        "the text stands in the template and in a variant",
        "delete the template's, or tell the difference by variables",
    ),
    "library_has_languages": Message(
        "模板库自带各语言的正文",
        "删掉 languages，或改用 text",
        "a library template brings its languages",
        "delete languages, or use text",
    ),
    "bad_library_name": Message(
        "“{raw}”不是模板库里的名称",
        "写成 行业/名称，如 retail/discount",
        "'{raw}' is not the name of a library template",
        "write trade/name, as in retail/discount",
    ),
    "simplified_is_text": Message(
        "简体正文不写在 languages 里",
        "把它写到 text",
        "simplified Chinese does not belong in languages",
        "write it as text",
    ),
    "missing_signature": Message(
        "正文里没有【签名】（2–12 个字）",
        "在开头写【营业执照或商标上的名称】",
        "the text has no 【signature】 (2 to 12 characters)",
        "begin with 【the name on the licence or trademark】",
    ),
    "missing_opt_out": Message(
        "营销短信没有退订方式",
        "在末尾加上 拒收请回复R",
        "a marketing text without a way to opt out",
        "end it with 拒收请回复R",
    ),
    "stray_brace": Message(
        "这里的花括号不是 {{变量}}",
        "变量写成 {{offer}} 或 {{offer|备用文字}}：半角花括号，小写字母、数字和 _",
        "this brace is not part of a {{variable}}",
        "write {{offer}} or {{offer|fallback}}: single braces, lower-case letters, digits and _",
    ),
    "text_over_maximum": Message(
        "正文 {units} 字，超过最长的 {limit} 字",
        "缩短",
        "the text has {units} characters, the maximum is {limit}",
        "shorten it",
    ),
    "text_too_long": Message(
        "不算变量也有 {units} 字，超过 {limit} 字，对谁都发不出去",
        "缩短正文，或写明 overflow 和更大的 max_units（会多收费）",
        "even without its variables the text has {units} characters, above {limit}: nobody would get it",
        "shorten it, or set overflow and a larger max_units (and pay for more parts)",
    ),
    "overflow_needs": Message(
        "overflow: {policy} 需要“{key}”", "补上 {key}", "overflow: {policy} needs '{key}'", "add {key}"
    ),
    "overflow_unused": Message(
        "“{key}”没有用到",
        "写明 overflow: {policy}，或删掉它",
        "'{key}' is not used",
        "set overflow: {policy}, or delete it",
    ),
    "short_text_not_shorter": Message(
        "short_text 不比 text 短", "写一条更短的", "short_text is no shorter than text", "write a shorter one"
    ),
    "dropped_variable_not_used": Message(
        "正文里没有变量“{name}”",
        "只列正文里用到的变量",
        "the text has no variable '{name}'",
        "list variables of the text only",
    ),
    "dropped_without_fallback": Message(
        "变量“{name}”没有备用写法，去掉后句子不完整",
        "在正文里写成 {{{name}|备用文字}}，备用文字可以为空",
        "the variable '{name}' has no fallback to leave in its place",
        "write {{{name}|fallback}} in the text; the fallback may be empty",
    ),
    "link_missing": Message(
        "正文用了 {{link}}，但没有写链接",
        "在 template 里加 link: https://…",
        "the text uses {{link}}, but there is no link",
        "add link: https://… to the template",
    ),
    "link_unused": Message(
        "写了 link，正文里却没有 {{link}}",
        "在正文里加 {{link}}，或删掉 link",
        "a link, but no {{link}} in the text",
        "put {{link}} into the text, or delete link",
    ),
    "link_is_a_key": Message(
        "link 不写在 variables 里",
        "写成 template 下的 link: https://…",
        "link does not belong in variables",
        "write it as link: https://… of the template",
    ),
    "audience_empty": Message(
        "没有说明发给谁",
        "写 segments 或 where；要发给所有人写 segments: [everyone]",
        "it does not say who gets it",
        "write segments or where; for everybody write segments: [everyone]",
    ),
    "segment_in_and_out": Message(
        "分群“{name}”既要发又要排除", "只留一处", "the segment '{name}' is both chosen and left out", "keep one of them"
    ),
    "schedule_without_date": Message(
        "没有说明哪天发",
        '写 date: "2026-11-28"、date: auto 或 recurring',
        "it does not say when",
        'write date: "2026-11-28", date: auto or recurring',
    ),
    "date_and_recurring": Message(
        "date 和 recurring 只能二选一", "删掉其中一个", "date and recurring exclude each other", "delete one of them"
    ),
    "slot_beside_recurring": Message(
        "slot 要写在 recurring 里面", "把它移进 recurring", "the slot belongs inside recurring", "move it there"
    ),
    "offset_direction": Message(
        "{event} 的 offset_days 不能是 {value}",
        "写 {low} 到 {high} 之间的天数（负数为事件之前）",
        "offset_days of {event} cannot be {value}",
        "write a number from {low} to {high} (negative: before the event)",
    ),
    "slot_at_night": Message(
        "时段 {slot} 超出允许发营销短信的时间",
        "改到 {window} 之内（21:00–8:00 禁止发送）",
        "the slot {slot} lies outside the hours for marketing",
        "keep within {window} (nothing between 21:00 and 8:00)",
    ),
    "slot_outside_service_hours": Message(
        "时段 {slot} 太早或太晚",
        "改到 {window} 之内",
        "the slot {slot} is too early or too late",
        "keep within {window}",
    ),
    "slot_outside_working_hours": Message(
        "时段 {slot} 不在 working_hours {hours} 之内",
        "改时段，或改 working_hours",
        "the slot {slot} is not within working_hours {hours}",
        "change one of them",
    ),
    "slot_over": Message(
        "时段 {slot} 今天已经过了", "换一个时段或日期", "the slot {slot} is over today", "choose another slot or day"
    ),
    "date_past": Message(
        "{day} 已经过去（今天是 {today}）",
        "写今天或以后的日期",
        "{day} is past (today is {today})",
        "write today or a later day",
    ),
    "until_past": Message(
        "截止日 {day} 已经过去（今天是 {today}）",
        "改晚，或删掉 until",
        "the last day {day} is past (today is {today})",
        "move it, or delete until",
    ),
    "date_far": Message(
        "{day} 在一年以后（今天是 {today}）",
        "检查年份",
        "{day} is more than a year ahead (today is {today})",
        "check the year",
    ),
    "bad_keyword": Message(
        "“{raw}”不能当回复关键字",
        "写 1–8 个字母、数字或汉字",
        "'{raw}' cannot be a reply keyword",
        "write 1 to 8 letters, digits or characters",
    ),
    "keyword_is_opt_out": Message(
        "“{keyword}”是退订用的",
        "换一个关键字，如 Y",
        "'{keyword}' means opting out",
        "choose another keyword, such as Y",
    ),
    "keyword_twice": Message(
        "关键字“{keyword}”写了两次", "只留一个", "the keyword '{keyword}' stands here twice", "keep one"
    ),
    "coupons_missing": Message(
        "回复里有 {{coupon}}，但没有券码文件",
        "加上 coupons: 文件名",
        "the answer holds {{coupon}}, but there is no pool",
        "add coupons: a file",
    ),
    "coupons_unused": Message(
        "有券码文件，回复里却没有 {{coupon}}",
        "在回复里加 {{coupon}}，或删掉 coupons",
        "a pool, but no {{coupon}} in the answer",
        "add {{coupon}}, or delete coupons",
    ),
    "unknown_trade": Message("没有“{name}”这个行业", "可选：{known}", "no such trade: '{name}'", "known: {known}"),
    "unknown_trade_near": Message(
        "没有“{name}”这个行业", "是不是想写 {near}？", "no such trade: '{name}'", "did you mean {near}?"
    ),
    "unknown_sender": Message("没有主体档案“{name}”", "可选：{known}", "no business record '{name}'", "known: {known}"),
    "unknown_sender_near": Message(
        "没有主体档案“{name}”", "是不是想写 {near}？", "no business record '{name}'", "did you mean {near}?"
    ),
    "unknown_segment": Message(
        "没有分群“{name}”",
        "用 chuda segments show 查看；可选：{known}",
        "no such segment: '{name}'",
        "see chuda segments show; known: {known}",
    ),
    "unknown_segment_near": Message(
        "没有分群“{name}”", "是不是想写 {near}？", "no such segment: '{name}'", "did you mean {near}?"
    ),
    "unknown_channel": Message(
        "没有渠道“{name}”",
        "用 chuda channel list 查看；可选：{known}",
        "no such channel: '{name}'",
        "see chuda channel list; known: {known}",
    ),
    "unknown_channel_near": Message(
        "没有渠道“{name}”", "是不是想写 {near}？", "no such channel: '{name}'", "did you mean {near}?"
    ),
    "channel_wrong_type": Message(
        "渠道“{name}”不发 {type} 类短信（只发 {types}）",
        "换一个渠道；验证码、通知和营销各走各的渠道",
        "the channel '{name}' does not carry {type} (only {types})",
        "choose another; otp, notifications and marketing have channels of their own",
    ),
    "unknown_template": Message(
        "模板库里没有“{name}”", "可选：{known}", "no such library template: '{name}'", "known: {known}"
    ),
    "unknown_template_near": Message(
        "模板库里没有“{name}”", "是不是想写 {near}？", "no such library template: '{name}'", "did you mean {near}?"
    ),
    "unknown_variable": Message(
        "变量 {{{name}}} 没有值",
        "可用的变量：{known}；或在 variables 里给它一个值",
        "the variable {{{name}}} has no value",
        "known: {known}; or give it a value under variables",
    ),
    "unknown_variable_near": Message(
        "变量 {{{name}}} 没有值",
        "是不是想写 {{{near}}}？",
        "the variable {{{name}}} has no value",
        "did you mean {{{near}}}?",
    ),
    "library_variable_missing": Message(
        "这个模板要用变量 {{{name}}}，但没有值",
        "在 variables 里加 {name}: …",
        "this template uses {{{name}}}, which has no value",
        "add {name}: … under variables",
    ),
    "constant_unused": Message(
        "正文里没有用到变量“{name}”",
        "在正文里加 {{{name}}}，或删掉它",
        "no text uses the variable '{name}'",
        "put {{{name}}} into the text, or delete it",
    ),
    "variables_not_allowed": Message(
        "渠道“{channel}”的营销模板不许有变量，正文却有 {{{name}}}",
        "写成每人相同的固定文案，或换渠道",
        "the channel '{channel}' allows no variables, but the text has {{{name}}}",
        "write a text that is the same for everybody, or choose another channel",
    ),
    "slot_in_blind_time": Message(
        "时段 {slot} 落在本行业的盲区里",
        "改时段或盲区",
        "the slot {slot} lies in the trade's own blind time",
        "change one of them",
    ),
    "slot_is_blind": Message(
        "时段 {slot} 落在 {trade} 的盲区 {blind}，这时短信少有人看",
        "换个时段，或写 slot: auto",
        "the slot {slot} lies in a blind time of {trade} ({blind}), when few people read messages",
        "choose another, or write slot: auto",
    ),
    "no_other_trade": Message(
        "没有 other 一项",
        "加上 trade: other，供其余行业使用",
        "there is no entry 'other'",
        "add trade: other, for all other trades",
    ),
}
