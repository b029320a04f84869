"""Messages about a file as such and about YAML: what cannot be read, or could be read in two ways."""

from __future__ import annotations

from collections.abc import Mapping

from chuda.files.catalogue.words import Message

YAML_MESSAGES: Mapping[str, Message] = {
    "no_such_file": Message("找不到这个文件", "检查路径和文件名", "no such file", "check the path and the name"),
    "unreadable_file": Message(
        "文件读不出来（是目录，或没有权限）",
        "给出一个可读的 YAML 文件",
        "the file cannot be read (a folder, or no permission)",
        "name a YAML file that you may read",
    ),
    "file_too_large": Message(
        "文件超过 1 MB，不像手写的配置",
        "检查是不是拿错了文件",
        "the file is larger than 1 MB, which no hand-written file is",
        "check that it is the right file",
    ),
    "not_utf8": Message(
        "文件不是 UTF-8 编码（从这里开始读不懂）",
        "用编辑器另存为 UTF-8",
        "the file is not UTF-8 (it stops making sense here)",
        "save it as UTF-8 in your editor",
    ),
    "empty_file": Message(
        "文件是空的", "从 data/campaigns 里的例子开始写", "the file is empty", "start from an example in data/campaigns"
    ),
    "not_yaml": Message(
        "这里不是合法的 YAML",
        "检查这一行和上一行的缩进、冒号和引号",
        "this is not YAML",
        "check indentation, colons and quotes on this line and the one before",
    ),
    "control_character": Message(
        "有看不见的控制字符",
        "删掉它，重新输入这一行",
        "an invisible control character",
        "delete it and type the line again",
    ),
    "several_documents": Message(
        "一个文件里有两份内容（--- 或 ... 之后又有一份）",
        "拆成两个文件",
        "a second document begins here (after --- or ...)",
        "put it into a file of its own",
    ),
    "nested_too_deeply": Message("嵌套太深", "层级不要超过 20", "nested too deeply", "keep to 20 levels"),
    "odd_key": Message(
        "键必须是普通文字",
        "把键写成 name: 这样的形式",
        "a key has to be plain text",
        "write the key like name:",
    ),
    "tab_indent": Message(
        "缩进里有制表符或全角空格",
        "只用半角空格缩进",
        "a tab or a wide space in the indentation",
        "indent with ordinary spaces only",
    ),
    "full_width_colon": Message(
        "键后面用了全角冒号“：”",
        "改成半角冒号加一个空格，如 name: 值",
        "a full-width colon “：” after the key",
        "use an ordinary colon and a space, as in name: value",
    ),
    "missing_space": Message(
        "冒号后面少一个空格",
        "在冒号后加一个空格，如 name: 值",
        "no space after the colon",
        "put a space after the colon, as in name: value",
    ),
    "needs_quotes": Message(
        "这段文字含有 YAML 的符号（: {{ [ @ % * & ! 等）",
        "把整段放进双引号",
        "this text holds signs that mean something in YAML (: {{ [ @ % * & ! and the like)",
        "put the whole text in double quotes",
    ),
    "unclosed_quote": Message(
        "从这里开始的引号没有闭合",
        "补上缺的引号；正文里的引号请用“”",
        "the quote that opens here is never closed",
        "add the closing quote; inside a text use “ ”",
    ),
    "bad_escape": Message(
        "双引号里的反斜杠有特殊含义，这里写得不对",
        "改用单引号，或把 \\ 写成 \\\\",
        "a backslash means something inside double quotes, and not this",
        "use single quotes, or write \\\\ for \\",
    ),
    "unclosed_bracket": Message(
        "从这里开始的括号 {{ }} 或 [ ] 没有闭合，或闭合得太早",
        "补上缺的括号；以 {{变量}} 开头的文字要放进双引号",
        "a bracket {{ }} or [ ] that opens here is never closed, or too early",
        "add the missing one; a text that begins with {{variable}} needs double quotes",
    ),
    "bad_indentation": Message(
        "缩进和上面的行对不齐",
        "同一层的键左对齐，下一层多缩进两格",
        "the indentation does not match the lines above",
        "align keys of one level, indent the next level by two spaces",
    ),
    "missing_colon": Message("这一行缺少冒号", "写成 键: 值", "this line has no colon", "write it as key: value"),
    "duplicate_key": Message(
        "“{key}”写了两次（第一次在第 {first} 行）",
        "只留一个",
        "'{key}' stands here twice (first on line {first})",
        "keep one of them",
    ),
    "yaml_anchor": Message(
        "不支持 YAML 的锚点和引用（& 和 *）",
        "把内容直接写出来",
        "YAML anchors and aliases (& and *) are not read",
        "write the content out",
    ),
    "yaml_tag": Message(
        "不支持 YAML 的标签（!）",
        "删掉 ! 和后面的类型名；文字以 ! 开头时放进双引号",
        "YAML tags (!) are not read",
        "remove the ! and the type; a text that begins with ! needs double quotes",
    ),
    "yaml_merge": Message(
        "不支持合并键 <<", "把内容直接写出来", "the merge key << is not read", "write the content out"
    ),
    "unquoted_time": Message(
        "{raw} 没加引号，有的软件会当成六十进制数",
        '写成 "{raw}"',
        "{raw} without quotes is a base-60 number to some software",
        'write "{raw}"',
    ),
    "unquoted_word": Message(
        "{raw} 没加引号，有的软件会当成“是/否”",
        '文字写成 "{raw}"；是/否写成 true 或 false',
        "{raw} without quotes is a yes-or-no to some software",
        'as text write "{raw}"; for yes or no write true or false',
    ),
    "leading_zero": Message(
        "{raw} 以 0 开头又没加引号，有的软件会当成八进制数",
        '文字或编号写成 "{raw}"；数字去掉开头的 0',
        "{raw} begins with 0 and has no quotes: an octal number to some software",
        'as text or a code write "{raw}"; as a number leave out the leading 0',
    ),
    "odd_number": Message(
        "{raw} 这种数字写法，各软件读法不一",
        '写成普通数字（如 1000 或 0.15）；文字写成 "{raw}"',
        "{raw} is a number to some software and a text to others",
        'write a plain number (1000, 0.15), or as text "{raw}"',
    ),
}
