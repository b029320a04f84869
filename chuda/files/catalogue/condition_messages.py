"""Messages about conditions on contact tags."""

from __future__ import annotations

from collections.abc import Mapping

from chuda.files.catalogue.words import Message

CONDITION_MESSAGES: Mapping[str, Message] = {
    "condition_comment": Message(
        "条件里有注释“{raw}”",
        "删掉；说明写在 YAML 的 # 后面",
        "a comment '{raw}' in the condition",
        "remove it; explain after a # of YAML",
    ),
    "condition_semicolon": Message(
        "条件里有分号",
        "只写一个条件，删掉分号",
        "a semicolon in the condition",
        "write one condition, without semicolons",
    ),
    "condition_double_equals": Message("“==”不是 SQL 的等号", "写成 =", "'==' is not SQL", "write ="),
    "condition_symbol_and_or": Message(
        "“{raw}”不是 SQL 的写法", "“并且”写 AND，“或者”写 OR", "'{raw}' is not SQL", "write AND or OR"
    ),
    "condition_open_quote": Message(
        "单引号没有成对",
        "文字两边都要有单引号",
        "a single quote without its partner",
        "put single quotes on both sides of a text",
    ),
    "condition_double_quote": Message(
        "条件里的文字用了双引号或反引号",
        "改用单引号，如 city = '深圳'",
        "double quotes or backticks in the condition",
        "use single quotes, as in city = '深圳'",
    ),
    "condition_full_width": Message(
        "条件里有全角符号“{raw}”", "换成半角符号", "a full-width sign '{raw}' in the condition", "use the ordinary sign"
    ),
    "condition_character": Message(
        "条件里不能有“{raw}”",
        "只能用列名、数字、'文字'、比较、AND、OR、NOT 和括号",
        "'{raw}' cannot stand in a condition",
        "use columns, numbers, 'texts', comparisons, AND, OR, NOT and parentheses",
    ),
    "condition_unquoted_text": Message(
        "“{raw}”没加引号", "文字要放进单引号：'{raw}'", "'{raw}' has no quotes", "a text needs single quotes: '{raw}'"
    ),
    "condition_too_long": Message(
        "条件超过 {limit} 个字符",
        "拆成几个分群",
        "the condition is longer than {limit} characters",
        "split it into segments",
    ),
    "condition_nested": Message(
        "条件嵌套超过 {limit} 层",
        "去掉多余的括号和 NOT",
        "nested more than {limit} deep",
        "remove needless parentheses and NOTs",
    ),
    "condition_ends_early": Message(
        "条件没写完，后面还要有：{wanted}",
        "补全条件",
        "the condition ends where this is still wanted: {wanted}",
        "complete it",
    ),
    "condition_unexpected": Message(
        "“{raw}”不该出现在这里", "这里要：{wanted}", "'{raw}' does not belong here", "wanted here: {wanted}"
    ),
    "condition_subquery": Message(
        "条件里不能有子查询或 {raw}",
        "只对标签列做比较；复杂的人群先做成分群",
        "no subquery and no {raw} in a condition",
        "only compare tag columns; define a segment for anything more",
    ),
    "condition_function": Message(
        "不能用函数 {raw}", "只有这些函数：{allowed}", "the function {raw} is not allowed", "allowed: {allowed}"
    ),
    "condition_column": Message("没有“{raw}”这一列", "可用的列：{known}", "no such column: {raw}", "columns: {known}"),
    "condition_column_near": Message(
        "没有“{raw}”这一列", "是不是想写 {near}？", "no such column: {raw}", "did you mean {near}?"
    ),
    "condition_value": Message(
        "{column} 没有“{raw}”这个值", "可选：{choices}", "{column} is never '{raw}'", "it is one of: {choices}"
    ),
    "condition_value_near": Message(
        "{column} 没有“{raw}”这个值（有 {choices}）",
        "是不是想写 '{near}'？",
        "{column} is never '{raw}' (it is one of {choices})",
        "did you mean '{near}'?",
    ),
    "condition_text_for_number": Message(
        "{column} 是数字，不能和文字 {raw} 比较",
        "去掉引号，写数字",
        "{column} is a number and cannot be compared with the text {raw}",
        "write a number without quotes",
    ),
    "condition_number_for_text": Message(
        "{column} 是文字，不能和数字 {raw} 比较",
        "写成 '{raw}'",
        "{column} is a text and cannot be compared with the number {raw}",
        "write '{raw}'",
    ),
    "condition_equals_null": Message(
        "不能和 NULL 比较（永远不成立）",
        "写成 IS NULL 或 IS NOT NULL",
        "nothing ever equals NULL",
        "write IS NULL or IS NOT NULL",
    ),
    "condition_not_a_list": Message(
        "{column} 不是列表", "list_contains 只能用于 tags", "{column} is not a list", "list_contains takes tags only"
    ),
    "condition_list_compared": Message(
        "{column} 是列表，不能直接比较",
        "写成 list_contains({column}, 'vip')",
        "{column} is a list and cannot be compared",
        "write list_contains({column}, 'vip')",
    ),
}
