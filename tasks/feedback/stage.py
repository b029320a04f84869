"""The door of the feedback room."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import timedelta

from chuda.clock import to_us
from chuda.providers.opening import open_provider
from chuda.records.channel import ChannelRecord
from chuda.results import StageResult
from chuda.settings import environment
from chuda.stores.ledger.feedback import close_unanswered
from chuda.stores.ledger.releases import channel_records
from chuda.workspace import Workspace, open_workspace
from tasks.content.context import load_content_reference
from tasks.content.replies import ReplyWords
from tasks.feedback.mirror import mirror_ledger
from tasks.feedback.pulling import PulledEvents, Puller
from tasks.stage import open_stage, stage_task

UNANSWERED_AFTER = timedelta(hours=72)


@stage_task("collect feedback")
def collect_feedback() -> StageResult:
    """Take receipts, replies and clicks from every channel that was used, close what was never answered, and bring
    the warehouse up to the ledger."""
    with open_workspace() as workspace:
        pulled = asyncio.run(_pull_all(workspace))
        now = workspace.clock.now()
        with workspace.ledger.write() as connection:
            closed = close_unanswered(connection, to_us(now - UNANSWERED_AFTER), to_us(now))
    with open_stage() as stage:
        rows = mirror_ledger(stage.connection, stage.workspace.ledger)
        taken = {name: sum(asdict(one)[name] for one in pulled) for name in asdict(PulledEvents())}
        details = {name: str(count) for name, count in {**taken, "closed": closed}.items()}
        events = taken["receipts"] + taken["replies"] + taken["clicks"]
        return StageResult("feedback", "receipt_received", events, sum(rows.values()), details=details)


async def _pull_all(workspace: Workspace) -> list[PulledEvents]:
    with workspace.ledger.read() as connection:
        records = [ChannelRecord.model_validate_json(text) for text in channel_records(connection)]
    words = load_content_reference(workspace.settings.reference).reply_words
    return [await _pull_one(workspace, record, words) for record in records]


async def _pull_one(workspace: Workspace, record: ChannelRecord, words: ReplyWords) -> PulledEvents:
    provider = open_provider(record, environment(), clock=workspace.clock)
    try:
        puller = Puller(workspace.ledger, workspace.keys, workspace.clock, provider, record.name, words)
        return await puller.pull(has_clicks=record.click_tracking in ("per_message", "provider_log"))
    finally:
        await provider.close()
