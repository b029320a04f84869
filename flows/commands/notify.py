"""`chuda notify`: one transactional message."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.output import say, show


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(notify)


def notify(
    kind: Annotated[str, typer.Option("--type", help="otp or notification")],
    phone: Annotated[str | None, typer.Argument(help="手机号 / the number", show_default=False)] = None,
    template: Annotated[str | None, typer.Option(help="模板：行业/名称，如 account/login_code")] = None,
    values: Annotated[list[str] | None, typer.Option("--set", help="变量：名称=值 / name=value")] = None,
    channel: Annotated[str | None, typer.Option(help="渠道；同类型有多个时必填 / needed where several fit")] = None,
    settle: Annotated[bool, typer.Option("--settle", help="查询结果未知的 / ask about unknown ones")] = False,
) -> None:
    """Send one transactional message on its own channel, ahead of all marketing; or settle what is unknown."""
    import asyncio

    from chuda.errors import ProviderTrouble, Refused, UsageError
    from tasks.dispatch import notifying

    if kind not in ("otp", "notification"):
        raise UsageError(f"--type {kind}: write otp or notification; marketing goes through campaigns")
    if settle:
        counts = asyncio.run(_settle(kind, channel))
        told = ", ".join(f"{state} {count}" for state, count in counts.items()) or say("没有未知的", "nothing unknown")
        return show(counts, told)
    if phone is None or template is None:
        raise UsageError("write the number and --template trade/name; see `chuda notify --help`")
    result = notifying.notify(
        phone, template, "otp" if kind == "otp" else "notification", _parse(values or []), channel
    )
    data = {"notice": result.notice_id, "to": result.to, "state": result.state, "code": result.code,
            "channel": result.channel}  # fmt: skip
    show(data, f"{result.to}: {result.state} {result.code}".rstrip() + f" ({result.channel}, {result.notice_id})")
    if result.state == "rejected":
        raise Refused(say("服务商拒绝了这条消息", "the provider refused the message"))
    if result.state == "not_sent":
        raise ProviderTrouble(say("没有发出，可以重试", "it did not leave; repeat the command"))
    if result.state == "unknown":
        raise ProviderTrouble(
            say("是否收到不清楚：稍后 `chuda notify --settle` 查询，不会自动重发",
                "nobody knows whether it arrived: `chuda notify --settle` asks later; it is never sent again by itself")
        )  # fmt: skip
    return None


async def _settle(kind: str, channel: str | None) -> dict[str, int]:
    from tasks.dispatch.notifying import open_notifier

    async with open_notifier("otp" if kind == "otp" else "notification", channel) as opened:
        return dict(await opened.settle())


def _parse(pairs: list[str]) -> dict[str, str]:
    from chuda.errors import UsageError

    values = dict(pair.partition("=")[::2] for pair in pairs)
    if any("=" not in pair for pair in pairs):
        raise UsageError("--set takes name=value, e.g. --set code=402817")
    return values
