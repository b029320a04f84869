"""Standing approvals: leave given in advance for the occurrences of a recurring campaign, up to stated counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text

_COLUMNS = "campaign_id, digest, first_day, last_day, max_messages, max_parts, approved_by, method, approved_us"


@dataclass(frozen=True, slots=True)
class StandingApproval:
    """Somebody approved each occurrence of a campaign from `first_day` to `last_day` (ISO days, both included).

    It covers an occurrence of at most `max_messages` messages and `max_parts` parts whose campaign, channel and
    business are still those of the digest.
    """

    campaign_id: str
    digest: str
    first_day: str
    last_day: str
    max_messages: int
    max_parts: int
    approved_by: str
    method: str
    approved_us: int


def approve_occurrences(connection: Connection, approval: StandingApproval) -> None:
    """Record a standing approval; of several for a day the newest is in force."""
    values = ", ".join(f":{name}" for name in StandingApproval.__dataclass_fields__)
    connection.execute(text(f"INSERT INTO standing_approval ({_COLUMNS}) VALUES ({values})"), asdict(approval))


def find_standing_approval(connection: Connection, campaign_id: str, day: str) -> StandingApproval | None:
    """The standing approval in force for an occurrence of a campaign."""
    row = connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM standing_approval WHERE campaign_id = :id AND first_day <= :day "
            "AND :day <= last_day ORDER BY id DESC LIMIT 1"
        ),
        {"id": campaign_id, "day": day},
    ).one_or_none()
    return None if row is None else StandingApproval(**row._mapping)
