"""A small workspace in which campaigns are planned for real, night after night, without Prefect's server."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chuda.workspace import open_workspace

ROOT = Path(__file__).parents[1]
CONSENT = {
    "是否同意营销短信": "是", "同意来源": "门店小程序", "同意时间": "2026-08-01 10:00:00", "同意用途": "营销短信",
}  # fmt: skip
BUSINESS = "name: shop\nlicence_name: 广州橙柚生活商贸有限公司\nsignatures: [橙柚生活]\n"

REMINDER = """
id: reminder
name: 预约提醒
type: notification
trade: retail
sender: business.yaml
channels: [demo-notice]
audience: {segments: [everyone]}
template:
  text: 【橙柚生活】{salutation}，您预约了{appointment_at}到店，如需改期请致电400-820-0000
schedule:
  recurring: {every: night, event: appointment, offset_days: -1, slot: "10:00-11:30", catch_up_days: 1}
"""


def phone(number: int) -> str:
    return str(13_800_000_000 + number)


@dataclass
class World:
    """A workspace of its own; `at` moves its clock."""

    folder: Path
    setenv: Callable[[str, str], None]

    def at(self, moment: str) -> World:
        self.setenv("CHUDA_NOW", f"{moment}+08:00")
        return self

    def write(self, name: str, rows: Sequence[dict[str, object]]) -> str:
        path = self.folder / name
        columns = list(dict.fromkeys(key for row in rows for key in row))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return str(path)

    def add_people(self, people: Sequence[dict[str, object]]) -> None:
        from tasks.contacts.stage import import_contacts
        from tasks.segments.stage import refresh_all_segments

        rows = [{**CONSENT, "姓名": "王小明", "性别": "男", **each} for each in people]
        import_contacts.fn(self.write("contacts.csv", rows))
        refresh_all_segments.fn()

    def change(self, statement: str, *values: object) -> None:
        """Change the warehouse as an import would."""
        with open_workspace() as workspace, workspace.warehouse.write() as connection:
            connection.execute(statement, list(values))

    def add_event(self, number: int, kind: str, at: str) -> None:
        self.change(
            "INSERT INTO event_clean VALUES (?, ?, ?, ?, NULL, 'i')",
            f"{kind}-{number}-{at}",
            self.token(number),
            kind,
            at,
        )

    def campaign(self, text: str, name: str = "campaign.yaml") -> str:
        path = self.folder / "campaigns" / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def plan(self, campaign: str) -> str | None:
        """The plan's id, None if nobody is left to be messaged."""
        from tasks.compliance.stage import check_compliance
        from tasks.content.stage import check_content, render_messages
        from tasks.experiments.stage import draw_sample
        from tasks.planning.stage import make_plan

        check_content.fn(campaign)
        if check_compliance.fn(campaign).rows_out == 0:
            return None
        render_messages.fn(campaign)
        draw_sample.fn(campaign)
        return make_plan.fn(campaign).details["plan_id"]

    def approve(self, plan_id: str) -> None:
        from tasks.dispatch.stage import approve_plan

        approve_plan.fn(plan_id, "tester")

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with open_workspace() as workspace, workspace.warehouse.read() as connection:
            return connection.execute(query, list(values)).fetchall()

    def texts(self, plan_id: str) -> list[str]:
        return [text for (text,) in self.rows("SELECT text FROM plan_message WHERE plan_id = ? ORDER BY 1", plan_id)]

    def reasons(self, plan_id: str) -> dict[str, int]:
        return dict(
            self.rows("SELECT reason, count(*) FROM plan_exclusion WHERE plan_id = ? GROUP BY 1 ORDER BY 1", plan_id)
        )

    def token(self, number: int) -> str:
        with open_workspace() as workspace:
            return workspace.keys.token(phone(number))
