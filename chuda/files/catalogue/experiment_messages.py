"""Messages about experiments."""

from __future__ import annotations

from collections.abc import Mapping

from chuda.files.catalogue.words import Message

EXPERIMENT_MESSAGES: Mapping[str, Message] = {
    "sample_missing": Message(
        "缺少样本比例 sample", "写 sample: 0.10 到 0.15", "the sample is missing", "write sample: 0.10 to 0.15"
    ),
    "sample_range": Message(
        "样本比例 {value} 不在 {low}–{high} 之间",
        "写 {low} 到 {high}；人少时改用 mode: full",
        "the sample {value} is not between {low} and {high}",
        "write {low} to {high}; for a small audience use mode: full",
    ),
    "sample_in_full_mode": Message(
        "mode: full 是全量测试，没有样本",
        "删掉 sample，或改成 mode: sample",
        "mode: full has no sample",
        "delete sample, or set mode: sample",
    ),
    "layer_empty": Message(
        "互斥层的范围 {low}–{high} 里没有人",
        "low 写得比 high 小，如 low: 0, high: 0.5",
        "the range {low}-{high} of the layer holds nobody",
        "make low smaller than high, such as low: 0, high: 0.5",
    ),
    "layer_in_full_mode": Message(
        "mode: full 是全量测试，不能只占互斥层的一部分",
        "删掉 layer 的 low 和 high，或改成 mode: sample",
        "mode: full tests everybody and cannot take a part of a layer",
        "delete low and high of the layer, or set mode: sample",
    ),
    "indifference_too_wide": Message(
        "indifference 不小于 target_mde（{target}）",
        "写得比 target_mde 小",
        "indifference is not below target_mde ({target})",
        "make it smaller than target_mde",
    ),
    "unknown_fallback": Message(
        "没有版本“{raw}”", "fallback 写其中一个：{known}", "there is no variant '{raw}'", "fallback is one of: {known}"
    ),
    "variant_count": Message("有 {count} 个版本", "写两到五个", "there are {count} variants", "write two to five"),
    "variant_name_twice": Message(
        "两个版本都叫“{name}”", "换一个名字", "two variants are called '{name}'", "rename one"
    ),
    "variant_without_slot": Message(
        "版本“{name}”没有时段", "每个版本都写 slot", "the variant '{name}' has no slot", "give every variant a slot"
    ),
    "variant_also_slot": Message(
        "测试的是 {variable}，版本“{name}”却还改了时段",
        "一次只测一件事：删掉 slot，或改成 variable: send_slot",
        "the test is about {variable}, but the variant '{name}' also changes the slot",
        "test one thing at a time: delete slot, or set variable: send_slot",
    ),
    "variant_also_text": Message(
        "测试的是时段，版本“{name}”却还改了内容",
        "一次只测一件事：只留 slot，或换一个 variable",
        "the test is about the slot, but the variant '{name}' also changes the words",
        "test one thing at a time: keep slot only, or set another variable",
    ),
    "variant_foreign_variable": Message(
        "测试的是 {variable}，版本“{name}”却改了“{key}”",
        "一次只测一件事：版本里只写 {variable} 或 {variable}_…，其余写到 template",
        "the test is about {variable}, but the variant '{name}' changes '{key}'",
        "test one thing at a time: a variant sets {variable} or {variable}_… only; the rest goes into the template",
    ),
    "variant_text_and_variables": Message(
        "版本“{name}”既有 text 又有 variables",
        "二选一",
        "the variant '{name}' has both text and variables",
        "keep one of them",
    ),
    "languages_with_variant_texts": Message(
        "版本各写整条文案时，其他语言的人收到的都一样",
        "删掉 languages，或改用 variables 表示差别",
        "with whole texts in the variants, people of other languages would all get the same",
        "delete languages, or tell the difference by variables",
    ),
    "variant_says_nothing": Message(
        "版本“{name}”没有写自己的 {variable}",
        "加上 variables: {{{variable}: …}} 或 text",
        "the variant '{name}' does not say its {variable}",
        "add variables: {{{variable}: …}} or text",
    ),
    "variant_slots_overlap": Message(
        "版本“{name}”和“{other}”的时段重叠", "错开", "the slots of '{name}' and '{other}' overlap", "move them apart"
    ),
    "variants_equal": Message(
        "版本“{name}”和“{other}”一模一样，测不出什么",
        "改其中一个",
        "'{name}' and '{other}' are the same: nothing to test",
        "change one of them",
    ),
    "variants_other_keys": Message(
        "版本“{name}”和“{other}”写的变量不一样",
        "每个版本写同样的变量，只有值不同",
        "'{name}' and '{other}' set different variables",
        "let every variant set the same ones, to different values",
    ),
    "variant_texts_differ_twice": Message(
        "版本“{name}”和“{other}”的正文有两处不同（第二处在这里）",
        "一次只测一件事：只让一处不同",
        "the texts of '{name}' and '{other}' differ in two places (the second one is here)",
        "test one thing at a time: let them differ in one place",
    ),
    "variant_texts_other_variables": Message(
        "版本“{name}”和“{other}”的正文用了不同的变量（{{link}} 除外）",
        "用同样的变量",
        "the texts of '{name}' and '{other}' use different variables (other than {{link}})",
        "use the same ones",
    ),
    "variant_variable_not_used": Message(
        "正文里没有 {{{key}}}，这个版本不会有差别",
        "在 template 的 text 里加 {{{key}}}",
        "the text has no {{{key}}}, so the variant makes no difference",
        "put {{{key}}} into the template's text",
    ),
    "slot_beside_slot_test": Message(
        "测试时段时，时段写在各版本里",
        "删掉这里的 slot",
        "a send-slot test has its slots in the variants",
        "delete this slot",
    ),
    "leader_needs_equal_costs": Message(
        "各版本成本不同时，不能用未证实的领先者",
        "改成 false，或让 cost_cny 相同",
        "an unproven leader may only be sent if the variants cost the same",
        "set it to false, or make cost_cny equal",
    ),
    "clicks_without_link": Message(
        "主要指标是点击，版本“{name}”的正文却没有 {{link}}",
        "加上 {{link}}，或改成 primary_metric: conversions",
        "clicks are to decide, but the text of '{name}' has no {{link}}",
        "add {{link}}, or set primary_metric: conversions",
    ),
    "clicks_not_tracked": Message(
        "主要指标是点击，但有的渠道统计不到谁点击了",
        "改成 primary_metric: conversions，或换渠道",
        "clicks are to decide, but a channel cannot count who clicked",
        "set primary_metric: conversions, or choose other channels",
    ),
    "window_beyond_attribution": Message(
        "观察 {hours} 小时，比归因的 {days} 天还长",
        "缩短 window_hours，或加长 attribution_days",
        "the test watches {hours} hours, longer than orders are attributed ({days} days)",
        "shorten window_hours, or lengthen attribution_days",
    ),
}
