"""The door of the content room: the texts of a campaign, before and after they are rendered."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from chuda.results import StageResult
from chuda.workspace import open_workspace
from tasks.compliance.audience import exclude
from tasks.planning.briefing import Briefing, read_briefing
from tasks.planning.budget import keep_within_budget
from tasks.planning.filing import drop_unfiled
from tasks.planning.short_links import write_short_links
from tasks.planning.texts import check_campaign_texts, columns_to_read, render_texts
from tasks.stage import open_stage, stage_task

_SLICE_PEOPLE = 500_000
_NOT_EXCLUDED = "NOT EXISTS (SELECT 1 FROM audience_excluded x WHERE x.token = c.token)"


@stage_task("check content")
def check_content(campaign_file: str) -> StageResult:
    """Check the campaign's templates; a blocking finding refuses the campaign."""
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
        templates = [template for wording in briefing.wordings.values() for template in wording.values()]
        flags = check_campaign_texts(templates, briefing.context)
        details = {f"flag {number}": finding.message("zh") for number, finding in enumerate(flags, start=1)}
        return StageResult("content", "", len(templates), len(templates), details=details)


@stage_task("render messages")
def render_messages(campaign_file: str) -> StageResult:
    """Render what each eligible person would get under each variant; who can get none is left out with the reason."""
    with open_workspace() as workspace:
        briefing = read_briefing(workspace.settings, Path(campaign_file), workspace.clock.now())
    with open_stage(briefing.draft_id) as stage:
        connection = stage.connection
        people, kept, reasons = render_audience(connection, briefing)
        if briefing.channel.short_links:
            write_short_links(connection, briefing, stage.workspace.keys)
        budget = briefing.campaign.budget_cny
        if budget is not None:
            price = briefing.channel.price_cny_per_part
            beyond = keep_within_budget(connection, briefing.campaign.id, budget, price)
            kept, reasons = kept - beyond, reasons | ({"over_budget": beyond} if beyond else {})
        return StageResult("rendering", "message_rendered", people, kept, rejected=reasons)


def render_audience(connection: Any, briefing: Briefing) -> tuple[int, int, dict[str, int]]:
    """Create `message_rendered` for everybody who is left in the draft's audience, a slice of the people at a time.

    Returns:
        People in, people with a text, and people left out by reason.
    """
    connection.execute("CREATE OR REPLACE TABLE message_rendered (token VARCHAR, variant VARCHAR, text VARCHAR, "
                       "units UINTEGER, parts UINTEGER)")  # fmt: skip
    waiting = connection.execute(f"SELECT count(*) FROM audience_candidate c WHERE {_NOT_EXCLUDED}").fetchone()[0]
    reasons: Counter[str] = Counter()
    columns = ", ".join(f'c."{name}"' for name in columns_to_read(briefing.wordings, briefing.policies))
    for low, high in _slices(waiting):
        people = connection.execute(
            f"SELECT {columns} FROM audience_candidate c WHERE {_NOT_EXCLUDED} AND c.token >= ? AND c.token < ?",
            [low, high],
        ).pl()
        if people.is_empty():
            continue
        rendered = render_texts(people, briefing.wordings, briefing.policies, briefing.context)
        rendered = drop_unfiled(rendered, briefing.channel)
        exclude(connection, rendered.excluded)
        connection.register("incoming", rendered.texts.to_arrow())
        connection.execute("INSERT INTO message_rendered SELECT * FROM incoming")
        connection.unregister("incoming")
        reasons.update(dict(rendered.excluded.group_by("reason").len().iter_rows()))
    return waiting, waiting - reasons.total(), dict(reasons)


def _slices(people: int) -> list[tuple[str, str]]:
    """Ranges of tokens, half-open, that hold at most about half a million people each: tokens are evenly spread."""
    count = min(256, -(-people // _SLICE_PEOPLE) or 1)
    bounds = ["", *(f"{256 * step // count:02x}" for step in range(1, count)), "g"]
    return list(pairwise(bounds))
