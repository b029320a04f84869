"""The door of the segments room."""

from __future__ import annotations

from chuda.results import StageResult
from tasks.contacts.merging import create_contact_tables
from tasks.planning.briefing import load_all_segments
from tasks.segments.refresh import refresh_segments, segment_sizes
from tasks.stage import open_stage, stage_task


@stage_task("refresh segments")
def refresh_all_segments() -> StageResult:
    """Tag every contact and bring all segments up to date."""
    with open_stage() as stage:
        settings = stage.workspace.settings
        segments = load_all_segments(settings)
        create_contact_tables(stage.connection)
        refresh_segments(stage.connection, segments, settings.reference / "city_tiers.csv", stage.now, stage.gate)
        people = stage.connection.execute("SELECT count(*) FROM contact_tagged").fetchone()[0]
        sizes = segment_sizes(stage.connection)
        return StageResult("segments", "segment_member", people, sum(sizes.values()), verdict=stage.gate.verdict)
