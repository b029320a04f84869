"""What a plan was made from, kept when somebody approves it: with it a sender can tell that a file changed since."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

_COLUMNS = "plan_id, campaign_file, campaign, business_file, business"


@dataclass(frozen=True, slots=True)
class PlanSource:
    """The files of a plan and what they said when it was made (JSON): its campaign and the business that sends."""

    plan_id: str
    campaign_file: str
    campaign: str
    business_file: str
    business: str


def keep_source(connection: Connection, source: PlanSource) -> None:
    """Keep what a plan was made from; what is kept already stays, for plans do not change."""
    values = ", ".join(f":{name}" for name in PlanSource.__dataclass_fields__)
    connection.execute(
        text(f"INSERT INTO plan_source ({_COLUMNS}) VALUES ({values}) ON CONFLICT (plan_id) DO NOTHING"), asdict(source)
    )


def find_source(connection: Connection, plan_id: str) -> PlanSource | None:
    """What a plan was made from; None for one that was approved before this was kept."""
    row = connection.execute(
        text(f"SELECT {_COLUMNS} FROM plan_source WHERE plan_id = :id"), {"id": plan_id}
    ).one_or_none()
    return None if row is None else PlanSource(**row._mapping)
