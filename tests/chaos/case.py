"""The evidence of a chaos run, sorted by strategy and account; and what a violation of an invariant is."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

from tests.chaos.evidence import Evidence

OVER = frozenset({"COMPLETE", "CANCELLED", "REJECTED"})
"""States of the exchange in which an order can trade no more."""
TOLERANCE = 0.1
"""Seconds by which two clocks of one machine are allowed to disagree."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold, and for whom."""

    invariant: str
    what: str
    strategy: str | None = None

    def row(self) -> dict[str, str | None]:
        return {"invariant": self.invariant, "strategy": self.strategy, "what": self.what}


Found = Iterator[Violation]
Fill = tuple[float, int]
"""When, in epoch seconds, and how many shares: below zero where they were sold."""


def fills(row: dict[str, Any]) -> Iterator[Fill]:
    """Yield each fill of an order; of one whose history is not known, all as it came in."""
    side = 1 if row["transaction_type"] == "BUY" else -1
    filled = 0
    for past in row.get("history", ()):
        if past["filled_quantity"] > filled:
            yield past["at"], side * (past["filled_quantity"] - filled)
            filled = past["filled_quantity"]
    if row["filled_quantity"] > filled:
        yield row["received_at"], side * (row["filled_quantity"] - filled)


def ended_at(row: dict[str, Any]) -> float:
    """Return from when on an order could trade no more, infinity where it still can."""
    if row["status"] not in OVER:
        return inf
    return float(row["history"][-1]["at"] if row.get("history") else row["received_at"])


class Case:
    """The evidence, sorted by strategy."""

    def __init__(self, evidence: Evidence) -> None:
        self.seen = evidence
        self.by_tag = {order["tag"]: order for order in evidence.orders}
        days = evidence.script["days"]
        self.users = {record["user"] for record in days}
        by_hand = {
            order_id for record in days for act in record["acts"] for order_id in act.get("orders", ())
        }
        self.deleted_tags = {tag for record in days for tag in record.get("deleted_tags", ())}
        rows = [row for row in evidence.ledger if row["user_id"] in self.users]
        self.by_hand = {row["order_id"]: row for row in rows if row["order_id"] in by_hand}
        """Orders of other hands: none of them is ours."""
        self.ledger = [
            row for row in rows if row["order_id"] not in by_hand and row["tag"] not in self.deleted_tags
        ]
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.ledger:
            if (order := self.by_tag.get(row["tag"])) is not None:
                self.rows[str(order["strategy_id"])].append(row)
        self.orders: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for order in evidence.orders:
            self.orders[str(order["strategy_id"])].append(order)
        self.played = {
            strategy_id: record for record in evidence.script["days"] for strategy_id in record["strategies"]
        }

    def filled(self, strategy_id: str, row: dict[str, Any]) -> tuple[int, int]:
        """Return what the ledger says was bought and sold since the strategy last held nothing.

        A START that finds nothing held begins anew, and Postgres counts from there. Another round of one
        START begins with what it buys: until then the round before it counts.
        """
        bought = sold = 0
        last = row["trading_day"], row["round"]
        before: tuple[Any, int] | None = None
        for placed in self.rows[strategy_id]:
            order = self.by_tag[placed["tag"]]
            round_ = order["trading_day"], order["round"]
            if bought == sold and round_ != before and order["leg"] == "entry":
                bought = sold = 0
            before = round_
            if placed["transaction_type"] == "BUY":
                bought += placed["filled_quantity"]
            else:
                sold += placed["filled_quantity"]
        begun_anew = not any(
            (order["trading_day"], order["round"]) == last and order["sent_at"]
            for order in self.orders[strategy_id]
        )
        begun_anew = begun_anew and not self.waits_for_another_round(strategy_id)
        return (0, 0) if begun_anew and bought == sold else (bought, sold)

    def waits_for_another_round(self, strategy_id: str) -> bool:
        """Tell whether its last run was to buy once more, and bought nothing."""
        view = self.seen.views.get(strategy_id)
        again = self.played.get(strategy_id, {}).get("day", {}).get("kind") == "again"
        sold = any(row["transaction_type"] == "SELL" for row in self.rows[strategy_id])
        return again and sold and isinstance(view, dict) and view.get("bought") == 0

    def story(self, strategy_id: str) -> dict[str, Any]:
        """Return all there is of one strategy, for the reader who looks into a violation."""
        return {
            "row": self.seen.strategies[strategy_id],
            "timeline": [
                f"{event['at']:%H:%M:%S.%f} {event['kind']} {event['text']}"
                for event in self.seen.events.get(strategy_id, ())
            ],
            "orders": self.orders[strategy_id],
            "ledger": self.rows[strategy_id],
            "played": self.played.get(strategy_id),
        }

    def says(self, strategy_id: str, kinds: set[str]) -> bool:
        return any(event["kind"] in kinds for event in self.seen.events.get(strategy_id, ()))
