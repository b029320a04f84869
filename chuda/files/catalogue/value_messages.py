"""Messages about keys and single values, whatever the file."""

from __future__ import annotations

from collections.abc import Mapping

from chuda.files.catalogue.words import Message

VALUE_MESSAGES: Mapping[str, Message] = {
    "invalid_value": Message(
        "“{raw}”用在这里不对",
        "对照 docs/campaign-file.md 里的说明",
        "'{raw}' is not right here",
        "see docs/campaign-file.md",
    ),
    "unknown_key": Message("没有“{key}”这个键", "这里可以写：{known}", "no such key: '{key}'", "known here: {known}"),
    "unknown_key_near": Message(
        "没有“{key}”这个键", "是不是想写 {near}？", "no such key: '{key}'", "did you mean {near}?"
    ),
    "missing_key": Message("缺少“{key}”", "补上 {key}: …", "'{key}' is missing", "add {key}: …"),
    "empty_value": Message(
        "“{key}”后面没有值",
        "写上值，或删掉这个键",
        "'{key}' has no value",
        "give it a value, or delete the key",
    ),
    "expected_text": Message(
        "这里要文字，写的是 {raw}", "给它加上双引号", "a text is wanted here, not {raw}", "put it in double quotes"
    ),
    "empty_text": Message(
        "文字是空的", "写上内容，或删掉这个键", "the text is empty", "write something, or delete the key"
    ),
    "expected_flag": Message(
        "这里要 true 或 false，写的是“{raw}”",
        "写成 true 或 false，不加引号",
        "true or false is wanted here, not '{raw}'",
        "write true or false, without quotes",
    ),
    "expected_whole_number": Message(
        "这里要整数，写的是“{raw}”",
        "写成整数，不加引号和单位",
        "a whole number is wanted here, not '{raw}'",
        "write a whole number without quotes or unit",
    ),
    "expected_number": Message(
        "这里要数字，写的是“{raw}”",
        "写成数字，如 0.15，不加引号和单位",
        "a number is wanted here, not '{raw}'",
        "write a number such as 0.15, without quotes or unit",
    ),
    "percent": Message(
        "比例不要写成百分数“{raw}”", "写成小数 {decimal}", "'{raw}' is a percentage", "write the decimal {decimal}"
    ),
    "expected_list": Message(
        "这里要列表，写的是“{raw}”",
        "写成 [甲, 乙]，或每行一个“- 甲”",
        "a list is wanted here, not '{raw}'",
        "write [a, b], or one '- a' per line",
    ),
    "expected_mapping": Message(
        "这里要若干“键: 值”，写的是“{raw}”",
        "换行并缩进两格写各个键",
        "keys with values are wanted here, not '{raw}'",
        "put the keys on the lines below, indented by two spaces",
    ),
    "not_a_choice": Message(
        "“{raw}”不在可选范围", "可选：{choices}", "'{raw}' is not one of the choices", "choose from: {choices}"
    ),
    "not_a_choice_near": Message(
        "“{raw}”不在可选范围（{choices}）",
        "是不是想写 {near}？",
        "'{raw}' is not one of {choices}",
        "did you mean {near}?",
    ),
    "listed_twice": Message("“{raw}”列了两次", "只留一个", "'{raw}' is listed twice", "keep one of them"),
    "bad_name": Message(
        "“{raw}”不能当名称用",
        "只用小写字母、数字、- 和 _，以字母或数字开头，最多 63 个字符",
        "'{raw}' cannot be a name",
        "use lower-case letters, digits, - and _, begin with a letter or digit, at most 63 characters",
    ),
    "bad_variable_name": Message(
        "“{raw}”不能当变量名",
        "只用小写字母、数字和 _，以字母开头，最多 32 个字符",
        "'{raw}' cannot be the name of a variable",
        "use lower-case letters, digits and _, begin with a letter, at most 32 characters",
    ),
    "brace_in_constant": Message(
        "变量的值里不能再有变量或花括号",
        "把 {{…}} 移到正文里",
        "the value of a variable cannot hold another variable or a brace",
        "move the {{…}} into the text",
    ),
    "out_of_range": Message(
        "{value} 超出范围",
        "写 {low} 到 {high} 之间的数",
        "{value} is out of range",
        "write a number from {low} to {high}",
    ),
    "bad_fraction": Message(
        "{value} 不是 0 到 1 之间的比例",
        "百分之十五写成 0.15",
        "{value} is not a share between 0 and 1",
        "fifteen percent is 0.15",
    ),
    "bad_money": Message(
        "{value} 不是合理的金额（元）",
        "写 {low} 到 {high} 之间的金额，不加单位",
        "{value} is not a sensible amount (CNY)",
        "write an amount from {low} to {high}, without unit",
    ),
    "bad_date": Message(
        "“{raw}”不是日期",
        "写成 2026-11-28 这样的年-月-日",
        "'{raw}' is not a date",
        "write year-month-day, as in 2026-11-28",
    ),
    "no_such_date": Message(
        "日历上没有 {raw} 这一天", "检查月和日", "there is no {raw} in the calendar", "check month and day"
    ),
    "bad_url": Message(
        "“{raw}”不是网址",
        "以 https:// 开头，只用英文字母、数字和符号",
        "'{raw}' is not a web address",
        "begin with https:// and use plain ASCII",
    ),
    "password_in_url": Message(
        "网址里有用户名或密码",
        "从网址里删掉，放进环境变量",
        "the address holds a user name or a password",
        "take it out and keep it in an environment variable",
    ),
    "line_break": Message(
        "短信正文里有换行",
        "写成一行（长文字放进双引号）",
        "a line break inside the text",
        "write it on one line (in double quotes if long)",
    ),
    "not_a_slot": Message(
        "“{raw}”不是时段", '写成 "10:30-11:30"', "'{raw}' is not a slot", 'write it as "10:30-11:30"'
    ),
    "slot_malformed": Message(
        "时段“{raw}”写法不对",
        '用半角冒号和减号，起止都写，如 "10:30-11:30"',
        "'{raw}' is not how a slot is written",
        'use : and -, with a begin and an end: "10:30-11:30"',
    ),
    "no_such_time": Message(
        "时段“{raw}”里有不存在的时间",
        "小时 0–23，分钟 00–59，结束可以是 24:00",
        "'{raw}' holds a time that does not exist",
        "hours are 0-23, minutes 00-59; 24:00 may end a slot",
    ),
    "slot_backwards": Message(
        "时段“{raw}”的结束不晚于开始",
        "把早的时间写在前面；跨夜的时段不能发",
        "'{raw}' ends before it begins",
        "put the earlier time first; a slot cannot cross midnight",
    ),
}
