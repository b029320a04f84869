"""An incremental refresh gives what a full one gives, row for row, whatever happened in between."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kpi_world import NOW, World

from chuda.clock import BUSINESS_ZONE
from chuda.stores.marts import open_marts
from tasks.kpi.catalog import published_marts
from tasks.kpi.refresh import MartSummary, refresh_marts

START = datetime(2026, 5, 1, 10, tzinfo=BUSINESS_ZONE)
STATES = ["accepted", "accepted", "accepted", "rejected", "unknown", "planned"]


class Life:
    """A warehouse in which things happen to a few people over half a year, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.world = World()
        self.draw = random.Random(seed)
        self.plans = self.batches = self.events = 0

    def step(self) -> None:
        happenings: list[Callable[[], None]] = [
            self.plan, self.receipt, self.receipt, self.click, self.reply, self.order, self.touch, self.exception,
            self.batch_moves, self.batch_stands_in, self.order_changes, self.erase, self.rollout, self.decide,
            self.suppress,
        ]  # fmt: skip
        self.draw.choice(happenings)()

    def plan(self) -> None:
        self.plans += 1
        plan, opens = f"p{self.plans}", self._moment(150)
        self.world.put(
            "plan_made",
            {
                "plan_id": plan, "campaign_id": f"c{self.draw.randrange(4)}", "occurrence": str(self.draw.randrange(3)),
                "created_at": opens, "channel": self._channel(), "attribution_days": self.draw.choice([3, 7, 7, 30]),
                "click_tracking": self.draw.choice(["per_message", "provider_log", "none"]),
                "billing": self.draw.choice(["submitted", "delivered"]),
            },
        )  # fmt: skip
        people = self.draw.sample(range(12), 8)
        for place in range(self.draw.randrange(1, 3)):
            self.batches += 1
            batch = f"b{self.batches}"
            state = self.draw.choice(STATES)
            at = opens + timedelta(hours=30 * place)
            price, billing = self.draw.choice([(None, None), ("0.0500", "submitted"), ("0.0900", "delivered")])
            if self.draw.random() < 0.9:
                self.world.put(
                    "batch_state",
                    {"batch_id": batch, "plan_id": plan, "state": state, "channel": self._channel(),
                     "sent_at": at, "accepted_at": at if state == "accepted" else None,
                     "price_cny": price, "billing": billing},
                )  # fmt: skip
            for position, person in enumerate(people[4 * place : 4 * place + 4]):
                self.world.put(
                    "plan_message",
                    {"plan_id": plan, "token": f"t{person}", "batch_id": batch, "position": position, "send_at": at,
                     "segment": f"s{person % 3}", "variant": self.draw.choice([None, "a", "b"])},
                )  # fmt: skip
        held = {"plan_id": plan, "token": f"t{people[-1]}", "reason": self.draw.choice(["holdout", "no_consent"])}
        self.world.put("plan_exclusion", held)
        if self.draw.random() < 0.3:
            waiting = {"plan_id": plan, "token": "t99", "batch_id": None, "position": None, "send_at": None}
            self.world.put("plan_message", {**waiting, "wave": "rollout"})

    def receipt(self) -> None:
        for batch, position, token, at in self._messages():
            later = at + timedelta(seconds=self.draw.randrange(400000))
            status = self.draw.choice(["delivered", "delivered", "failed"])
            code = "DELIVRD" if status == "delivered" else self.draw.choice(["MK:0001", "NEW:1", "DB:0141"])
            self.world.put(
                "receipt_received",
                {"receipt_id": self._id(), "batch_id": batch, "position": position, "token": token, "status": status,
                 "code": code, "reported_at": later, "received_at": later},
            )  # fmt: skip

    def click(self) -> None:
        for batch, position, token, at in self._messages():
            known = {"batch_id": batch, "position": position} if self.draw.random() < 0.7 else {"batch_id": None}
            late = self.draw.choice([1, 1, 5, 100])
            moment = at + timedelta(hours=late * self.draw.randrange(1, 40))
            row = {"click_id": self._id(), "token": token, "clicked_at": moment, "channel": self._channel()}
            self.world.put("click_received", {"position": None, **row, **known})

    def reply(self) -> None:
        for _, _, token, at in self._messages():
            kind = self.draw.choice(["opt_out", "complaint", "other"])
            moment = at + timedelta(hours=self.draw.randrange(200))
            self.world.put(
                "reply_received", {"reply_id": self._id(), "token": token, "kind": kind, "replied_at": moment}
            )

    def order(self) -> None:
        amount = self.draw.choice(["10.00", "99.90"])
        token = f"t{self.draw.randrange(13)}"
        self.world.put(
            "order_clean", {"order_id": self._id(), "token": token, "paid_at": self._moment(200), "amount": amount}
        )

    def touch(self) -> None:
        self.world.put("event_clean", {"event_id": self._id(), "token": "t1", "at": self._moment(200)})

    def exception(self) -> None:
        for batch, position, _, at in self._messages():
            state = self.draw.choice(["suppressed", "rejected", "cancelled", "expired"])
            self._sql("delete from message_exception where batch_id = ? and position = ?", batch, position)
            self.world.put("message_exception", {"batch_id": batch, "position": position, "state": state, "at": at})

    def batch_stands_in(self) -> None:
        self._sql("update batch_state set channel = ?, price_cny = 0.07, billing = 'delivered' where batch_id = ?",
                  self._channel(), f"b{self.draw.randrange(self.batches + 1)}")  # fmt: skip

    def batch_moves(self) -> None:
        moved = self.draw.choice(["10 minute", "3 day"])
        self._sql(
            f"update batch_state set state = ?, sent_at = sent_at + interval {moved} where batch_id = ?",
            self.draw.choice(STATES), f"b{self.draw.randrange(self.batches + 1)}",
        )  # fmt: skip

    def order_changes(self) -> None:
        found = self.world.warehouse.execute("select order_id, token from order_clean order by all").fetchall()
        if found:
            order, token = self.draw.choice(found)
            self._sql("delete from order_clean where order_id = ?", order)
            if self.draw.random() < 0.7:
                self.world.put("order_clean", {"order_id": order, "token": token, "paid_at": self._moment(200)})

    def erase(self) -> None:
        token = f"t{self.draw.randrange(12)}"
        for table in ("plan_message", "order_clean", "click_received", "reply_received", "plan_exclusion"):
            self._sql(f"delete from {table} where token = ?", token)

    def rollout(self) -> None:
        self._sql("update plan_message set batch_id = 'b1', position = 77, send_at = ? where batch_id is null",
                  self._moment(150))  # fmt: skip

    def decide(self) -> None:
        self.world.put("experiment_decision", {"plan_id": f"p{self.plans}", "variant": "a", "chosen": "a"})

    def suppress(self) -> None:
        self.world.put("suppression_recorded", {"token": f"t{self.draw.randrange(12)}", "at": self._moment(200)})

    def _messages(self) -> list[tuple[str, int, str, datetime]]:
        found = self.world.warehouse.execute(
            "select batch_id, position, token, send_at from plan_message where batch_id is not null order by all"
        ).fetchall()
        return self.draw.sample(found, min(len(found), self.draw.randrange(1, 4)))

    def _moment(self, days: int) -> datetime:
        return START + timedelta(hours=self.draw.randrange(24 * days))

    def _channel(self) -> str:
        return self.draw.choice(["sms", "sms", "other"])

    def _id(self) -> str:
        # Not in the order in which they come: a ledger of several machines commits late what it numbered early.
        self.events += 1
        return f"{self.draw.randrange(10**6)}-{self.events}"

    def _sql(self, sql: str, *values: object) -> None:
        self.world.warehouse.execute(sql, list(values))


def contents(path: Path) -> dict[str, Counter[str]]:
    with open_marts(path) as marts:
        return {
            mart.name: Counter(map(repr, marts.execute(f"from {mart.name}").fetchall())) for mart in published_marts()
        }


def refresh(world: World, path: Path, now: datetime = NOW, *, is_full: bool = False) -> MartSummary:
    return refresh_marts(world.warehouse, path, now, is_full=is_full)


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), size=st.integers(1, 60))
def test_following_is_building_whole(seed: int, size: int, tmp_path: Path) -> None:
    life = Life(seed)
    followed, whole = tmp_path / f"{seed}-{size}.duckdb", tmp_path / f"{seed}-{size}-whole.duckdb"
    for _ in range(size):
        life.step()
    refresh(life.world, followed, is_full=True)
    for round_number in range(1, 3):
        for _ in range(life.draw.randrange(0, 6)):
            life.step()
        now = NOW + timedelta(hours=round_number)
        refresh(life.world, followed, now)
        refresh(life.world, whole, now, is_full=True)
        assert contents(followed) == contents(whole)
