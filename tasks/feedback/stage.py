"""The door of the feedback room."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from chuda.clock import to_us
from chuda.errors import ChudaError
from chuda.phones import mask_phones
from chuda.providers.opening import open_provider
from chuda.providers.protocol import TellsByNumber
from chuda.records.channel import ChannelRecord
from chuda.results import StageResult
from chuda.settings import environment
from chuda.stores.ledger.feedback import close_unanswered
from chuda.stores.ledger.queue import forget_processed
from chuda.stores.ledger.releases import channel_records
from chuda.workspace import Workspace, open_workspace
from tasks.content.context import load_content_reference
from tasks.dispatch.notifying import settle_all
from tasks.feedback.alarms import find_alarms, publish_alarms
from tasks.feedback.answering import seal_answers
from tasks.feedback.asking import ask_about_silent
from tasks.feedback.mirror import EVENT_TABLES, mirror_ledger
from tasks.feedback.people import share_alternates
from tasks.feedback.processing import Processor
from tasks.feedback.pulling import Puller
from tasks.stage import open_stage, stage_task

UNANSWERED_AFTER = timedelta(hours=72)
PAGES_REMEMBERED = timedelta(days=7)
EVENTS = ("receipts", "replies", "clicks", "link_clicks")
NUMBERS = (*EVENTS, "opt_outs", "complaints", "duplicates", "scanners", "unknown_messages", "rejects")


@stage_task("collect feedback")
def collect_feedback() -> StageResult:
    """Take receipts, replies and clicks from every channel that was used, close what was never answered, and bring
    the warehouse up to the ledger.

    A channel in trouble stops neither the others nor the rest; the result warns and names it under `trouble`.
    """
    with open_workspace() as workspace:
        trouble = asyncio.run(_pull_all(workspace))
        counts = process_queue(workspace)
        answers = seal_answers(workspace)
        now = workspace.clock.now()
        with workspace.ledger.write() as connection:
            closed = close_unanswered(connection, to_us(now - UNANSWERED_AFTER), to_us(now))
            forget_processed(connection, to_us(now - PAGES_REMEMBERED))
        trouble += asyncio.run(settle_all(workspace.settings))  # last: nothing it meets may hold up an opt-out
    with open_stage() as stage:
        rows = mirror_ledger(stage.connection, stage.workspace.ledger)
        share_alternates(stage.connection, stage.workspace.ledger, stage.now)
        publish_alarms(stage.connection, find_alarms(stage.workspace.ledger, trouble, stage.now))
    details = {name: str(counts[name]) for name in NUMBERS} | {"closed": str(closed)}
    details |= {"answers": ", ".join(answers)} if answers else {}
    details |= {"trouble": "; ".join(trouble)} if trouble else {}
    verdict = "warned" if trouble or counts["rejects"] or counts["failed_pages"] else "passed"
    events = sum(counts[name] for name in EVENTS)
    added = sum(rows[table] for table in EVENT_TABLES)
    return StageResult("feedback", "receipt_received", events, added, verdict=verdict, details=details)


def process_queue(workspace: Workspace) -> Counter[str]:
    """Make events of everything that waits in the queue; see `Processor.process`."""
    words = load_content_reference(workspace.settings.reference).reply_words
    return Processor(workspace.ledger, workspace.clock, words).process()


async def _pull_all(workspace: Workspace) -> list[str]:
    """Pull every channel; returns what went wrong, by channel."""
    with workspace.ledger.read() as connection:
        records = channel_records(connection)
    return [said for text in records if (said := await _pull_guarded(workspace, text)) is not None]


async def _pull_guarded(workspace: Workspace, text: str) -> str | None:
    name = "?"
    try:
        record = ChannelRecord.model_validate_json(text)
        name = record.name
        await _pull_one(workspace, record)
    except ChudaError as error:
        return f"{name}: {error}"
    except Exception as error:  # a record of an older version, an answer nobody foresaw: that channel's trouble only
        return f"{name}: unforeseen {type(error).__name__}: {mask_phones(str(error)).partition(chr(10))[0][:200]}"
    return None


async def _pull_one(workspace: Workspace, record: ChannelRecord) -> None:
    provider = open_provider(record, environment(), clock=workspace.clock)
    try:
        puller = Puller(workspace.ledger, workspace.keys, workspace.clock, provider, record.name)
        # Own short links are counted where they are followed; what the provider saw of them would count twice.
        has_clicks = record.click_tracking in ("per_message", "provider_log") and not record.short_links
        await puller.pull(has_clicks=has_clicks)
        if isinstance(provider, TellsByNumber):
            await ask_about_silent(workspace, provider, record.name)
    finally:
        await provider.close()
