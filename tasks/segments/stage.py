"""The door of the segments room."""

from __future__ import annotations

from chuda.results import StageResult
from tasks.contacts.merging import create_contact_tables
from tasks.contacts.porting import apply_ports
from tasks.planning.briefing import load_all_segments
from tasks.segments.refresh import refresh_segments
from tasks.stage import open_stage, stage_task


@stage_task("refresh segments")
def refresh_all_segments() -> StageResult:
    """Take ported numbers over from receipts, tag every contact and bring all segments up to date."""
    with open_stage() as stage:
        settings = stage.workspace.settings
        segments = load_all_segments(settings)
        create_contact_tables(stage.connection)
        ported = apply_ports(stage.connection, settings.reference / "receipt_codes.csv", stage.now)
        tiers = settings.reference / "city_tiers.csv"
        sizes = refresh_segments(stage.connection, segments, tiers, stage.now, stage.gate)
        people = stage.connection.execute("SELECT count(*) FROM contact_tagged").fetchone()[0]
        details = {f"jump {size.segment}": f"{size.before:,} → {size.people:,}" for size in sizes if size.is_jump}
        details |= {"ported": str(ported)} if ported else {}
        memberships = sum(size.people for size in sizes)
        return StageResult("segments", "segment_member", people, memberships, {}, stage.gate.verdict, details)
