"""Messages about the records of channels and of the business."""

from __future__ import annotations

from collections.abc import Mapping

from chuda.files.catalogue.words import Message

RECORD_MESSAGES: Mapping[str, Message] = {
    "licence_missing": Message(
        "渠道“{name}”没有登记许可证，不能发送",
        "登记 licence：编号、范围、有效期、注册资本、核验人和证据",
        "the channel '{name}' has no licence on record and cannot send",
        "record licence: number, scope, expiry, capital, who verified it, evidence",
    ),
    "licence_expired": Message(
        "渠道“{name}”的许可证已于 {day} 到期（今天是 {today}），不能发送",
        "向服务商要新证，核验后更新 expires_on",
        "the licence of '{name}' expired on {day} (today is {today}); it cannot send",
        "get the new licence, verify it, update expires_on",
    ),
    "licence_expires_soon": Message(
        "渠道“{name}”的许可证将于 {day} 到期",
        "现在就向服务商要新证",
        "the licence of '{name}' expires on {day}",
        "ask the provider for the new one now",
    ),
    "licence_capital": Message(
        "渠道“{name}”注册资本 {value} 元，跨地区经营至少要 {least} 元",
        "换服务商，或核实注册资本",
        "the provider of '{name}' has a capital of CNY {value}; nationwide needs at least {least}",
        "choose another provider, or verify the capital",
    ),
    "licence_provincial": Message(
        "渠道“{name}”的许可证只覆盖 {provinces}",
        "只向这些省的号码发送，或换有跨地区许可证的服务商",
        "the licence of '{name}' covers {provinces} only",
        "send to numbers there only, or choose a provider with a nationwide licence",
    ),
    "verified_in_future": Message(
        "核验日期 {day} 还没到",
        "写实际核验的日期",
        "the verification date {day} lies ahead",
        "write the day it was verified",
    ),
    "verified_long_ago": Message(
        "许可证上次核验是 {day}，超过一年",
        "重新核验",
        "the licence was last verified on {day}, over a year ago",
        "verify it again",
    ),
    "price_too_low": Message(
        "单价 {value} 元远低于正常的 {low}–{high} 元",
        "问清是不是走了不合规的通道",
        "CNY {value} per part is far below the normal {low} to {high}",
        "ask which routes the provider really uses",
    ),
    "provinces_missing": Message(
        "省内许可证没有写省份",
        "加上 provinces: [广东]",
        "a provincial licence without provinces",
        "add provinces: [广东]",
    ),
    "provinces_of_nationwide": Message(
        "跨地区许可证不用写省份",
        "删掉 provinces，或改成 scope: provincial",
        "a nationwide licence has no provinces",
        "delete them, or set scope: provincial",
    ),
    "secret_in_file": Message(
        "这里要环境变量的名称，不是密钥本身",
        "写成 CHUDA_TOKEN 这样的大写名称，把密钥放进那个环境变量；已写进文件的密钥请作废",
        "the name of an environment variable is wanted here, not the secret",
        "write a name like CHUDA_TOKEN and keep the secret in that variable; revoke a secret that stood in a file",
    ),
    "credential_missing": Message(
        "缺少密钥“{key}”",
        "加上 {key}: 环境变量名",
        "the credential '{key}' is missing",
        "add {key}: name of an environment variable",
    ),
    "credential_unknown": Message(
        "这个协议不用这项密钥", "需要的是：{key}", "this adapter has no such credential", "it needs: {key}"
    ),
    "no_message_type": Message(
        "没有允许的消息类型",
        "写 marketing、notification 或 otp",
        "no message type",
        "write marketing, notification or otp",
    ),
    "otp_with_marketing": Message(
        "验证码和营销不能用同一个渠道",
        "各建一个渠道，验证码才不会被营销堵住",
        "otp and marketing cannot share a channel",
        "make two channels, so that marketing never delays a code",
    ),
    "simulator_not_local": Message(
        "模拟器的地址必须是本机",
        "写成 http://127.0.0.1:端口，或删掉 simulator",
        "a simulator has to be on this machine",
        "write http://127.0.0.1:port, or delete simulator",
    ),
    "endpoint_not_https": Message(
        "真实渠道的地址必须是 https", "改成 https://", "a real channel needs https", "write https://"
    ),
    "region_missing": Message(
        "腾讯云必须写地域", "加上 region: ap-guangzhou", "Tencent Cloud needs a region", "add region: ap-guangzhou"
    ),
    "app_id_missing": Message(
        "腾讯云必须写应用编号",
        "加上 app_id: 控制台里的 SmsSdkAppId",
        "Tencent Cloud needs an application id",
        "add app_id: the SmsSdkAppId of its console",
    ),
    "filed_templates_missing": Message(
        "{adapter} 只接受报备过的模板，filed_templates 里一个也没有",
        "把控制台里审核通过的模板写进来：code 和 text",
        "{adapter} takes filed templates only, and filed_templates has none",
        "write the templates its console approved: code and text",
    ),
    "filed_templates_unused": Message(
        "这个协议直接发正文，用不到 filed_templates",
        "删掉",
        "this protocol sends texts; filed_templates would be ignored",
        "delete it",
    ),
    "filed_with_signature": Message(
        "报备的正文里不写签名",
        "去掉开头的【…】，签名写在 signatures",
        "a filed text is written without its signature",
        "delete the leading 【…】; signatures go into signatures",
    ),
    "filed_variables_touch": Message(
        "两个变量紧挨着，分不出前一个到哪里结束",
        "中间加一个字或标点，重新报备",
        "two variables touch; nobody can tell where the first one ends",
        "file it with a character between them",
    ),
    "batch_too_large": Message(
        "{adapter} 每次请求最多 {limit} 条，写的是 {value}",
        "改成 {limit} 以内",
        "{adapter} takes at most {limit} messages in a request, not {value}",
        "write {limit} or less",
    ),
    "rates_contradict": Message(
        "较长时间的上限 {value} 比较短时间的 {other} 还小",
        "检查这两个限速",
        "the limit {value} of the longer time is below {other} of the shorter one",
        "check both limits",
    ),
    "tracking_without_links": Message(
        "渠道不许有链接，就统计不到点击",
        "click_tracking 改成 none，或改 links",
        "no links, so no clicks to track",
        "set click_tracking: none, or change links",
    ),
    "tracking_needs_variable_links": Message(
        "每人一个链接（per_message）要求变量里可以有链接，现在是 links: {links}",
        "改成 links: variables，或 click_tracking: per_variant",
        "per_message tracking needs links in variables, but links is {links}",
        "set links: variables, or click_tracking: per_variant",
    ),
    "short_links_need_per_message": Message(
        "自有短链一人一个，要求 click_tracking: per_message 且 variables_allowed: true",
        "改这两项，或删掉 short_links",
        "own short links are one per message: they need click_tracking: per_message and variables_allowed: true",
        "set both, or delete short_links",
    ),
    "short_links_not_https": Message(
        "短链地址要用 https",
        "写 https://",
        "short links need https",
        "write https://",
    ),
    "short_links_not_plain": Message(
        "短链地址后面直接接短码，不能带 ? 或 #",
        "只写域名和路径，如 https://cy.example/r",
        "the code follows the address of short links, which cannot hold ? or #",
        "write host and path only, as in https://cy.example/r",
    ),
    "link_targets_missing": Message(
        "没有写短链可以跳到哪里",
        "加 link_targets: [https://…]",
        "nothing says where short links may lead",
        "add link_targets: [https://…]",
    ),
    "link_targets_unused": Message(
        "没有 short_links，link_targets 不起作用",
        "写上 short_links，或删掉 link_targets",
        "without short_links nothing uses link_targets",
        "add short_links, or delete link_targets",
    ),
    "short_links_not_filed": Message(
        "报备的模板里都没有“{base}/变量”；服务商只许短码作变量，不许整个链接作变量",
        "报备正文写 {base}/${{code}}（腾讯云写 {{1}}）的模板，再登记到 filed_templates",
        "no filed template has '{base}/' before a variable; providers take the code as a variable, never a link",
        "file a text with {base}/${{code}} (Tencent: {{1}}) and add it to filed_templates",
    ),
    "bad_signature": Message(
        "“{raw}”不能当签名",
        "2–12 个字，不带【】和空格",
        "'{raw}' cannot be a signature",
        "2 to 12 characters without 【】 or spaces",
    ),
    "opt_out_wording": Message(
        "退订写法“{raw}”末尾不是能识别的关键字",
        "以 R、T、TD、N 或 QX 等结尾，如 拒收请回复R",
        "the opt-out '{raw}' does not end in a keyword that is understood",
        "end it with R, T, TD, N or QX, as in 拒收请回复R",
    ),
    "name_with_brackets": Message(
        "名称里不要带括号【】[]", "只写名称", "a name without 【】 or []", "write the name only"
    ),
    "test_phones_elsewhere": Message(
        "测试号码不写在这里",
        "删掉；用 chuda init 登记，会加密保存",
        "test phones are not kept here",
        "delete them; chuda init stores them encrypted",
    ),
}
