"""Invariants 1 and 2: every order has an intent, no tag is sent twice, and quantities add up."""

from collections import Counter
from typing import Any

from tests.chaos.case import TOLERANCE, Case, Found, Violation, fills

FINAL = {"complete", "cancelled", "rejected", "not_placed", "absent"}
NAMES_POSITION = {"alert", "emergency", "adopted"}
OFF_BOOKS = 1000
"""Attempts whose number this divides were sent by the run alone while Postgres was away; rows came later."""


def intents(case: Case) -> Found:
    """1: every order has an intent written before it, every intent that was sent has an end, sent once."""
    for row in case.ledger:
        order = case.by_tag.get(row["tag"])
        if order is None:
            yield Violation(
                "1", f"no intent for {row['transaction_type']} {row['order_id']} tag {row['tag']}"
            )
            continue
        strategy_id = str(order["strategy_id"])
        if order["side"] != row["transaction_type"]:
            yield Violation("1", f"{row['order_id']} is a {row['transaction_type']}", strategy_id)
        if order["leg"] == "exit" and order["attempt"] % OFF_BOOKS == 0 and _postgres_was_away(case, row):
            continue  # its intent is in the run's history
        for moment in ("created_at", "sent_at"):
            at = order[moment]
            if at is None or at.timestamp() > row["received_at"] + TOLERANCE:
                late = "never" if at is None else f"{at.timestamp() - row['received_at']:.2f} s after"
                yield Violation(
                    "1", f"{order['leg']} {order['attempt']}: {moment} {late} its order", strategy_id
                )
    for order in case.seen.orders:
        strategy_id = str(order["strategy_id"])
        if order["sent_at"] is not None and order["status"] not in FINAL:
            yield Violation("1", f"{order['leg']} {order['attempt']} is still {order['status']}", strategy_id)
        if order["status"] in ("absent", "not_placed") and not order["message"]:
            yield Violation(
                "1", f"{order['leg']} {order['attempt']} {order['status']}: no reason", strategy_id
            )
    yield from _sent_once(case)


def _postgres_was_away(case: Case, row: dict[str, Any]) -> bool:
    return any(
        one["target"] == "postgres" and one["at"] - 1 < row["received_at"] < one["until"] + 20
        for one in case.seen.script["disturbances"]
    )


def _sent_once(case: Case) -> Found:
    tags = Counter(row["tag"] for row in case.ledger)
    refused = Counter(row["tag"] for row in case.seen.refused if row["tag"] and row["method"] == "POST")
    for tag, times in (tags + refused).items():
        order = case.by_tag.get(tag)
        if times > 1 and order is not None:
            yield Violation(
                "1", f"{order['leg']} {order['attempt']} was sent {times} times", str(order["strategy_id"])
            )


def quantities(case: Case) -> Found:
    """2: one entry a round, never more sold than bought, and nothing left over in silence."""
    for strategy_id, row in case.seen.strategies.items():
        entries: Counter[tuple[Any, int]] = Counter()
        for placed in case.rows[strategy_id]:
            order = case.by_tag[placed["tag"]]
            if order["leg"] == "entry" and placed["status"] != "REJECTED":
                entries[order["trading_day"], order["round"]] += 1
        for (_, round_), count in entries.items():
            if count > 1:
                yield Violation("2", f"{count} entries in round {round_}", strategy_id)
        yield from _balance(case, strategy_id, row)
    yield from _accounts(case)


def _balance(case: Case, strategy_id: str, row: dict[str, Any]) -> Found:
    held = 0
    for _, quantity in sorted(fill for placed in case.rows[strategy_id] for fill in fills(placed)):
        held += quantity
        if held < 0:
            yield Violation("2", f"sold {-held} more than was bought", strategy_id)
            return
    held -= row.get("outside_quantity", 0)
    if held > 0 and row["outcome"] != "kept" and not case.says(strategy_id, NAMES_POSITION):
        yield Violation("2", f"{held} shares are left ({row['outcome']}), and nobody was told", strategy_id)
    if held > 0 and row["outcome"] == "kept" and not _asked_to_keep(case, strategy_id):
        yield Violation("2", f"{held} shares were kept, and nobody asked for it", strategy_id)


def _asked_to_keep(case: Case, strategy_id: str) -> bool:
    record = case.played.get(strategy_id)
    if record is None:
        return True
    by_hand = any(hand["action"] == "keep" for hand in record["day"].get("hands", ()))
    return by_hand or "keep" in record["day"]["kind"]


def _accounts(case: Case) -> Found:
    """What each account holds is what its strategies hold: each order of ours belongs to one."""
    held: Counter[str] = Counter()
    for row in case.ledger:
        held[row["user_id"]] += row["filled_quantity"] * (1 if row["transaction_type"] == "BUY" else -1)
    ours: Counter[str] = Counter()
    for strategy_id, row in case.seen.strategies.items():
        if strategy_id in case.played:
            ours[case.played[strategy_id]["user"]] += row["bought_quantity"] - row["sold_quantity"]
    for user in case.users:
        if held[user] != ours[user]:
            yield Violation("2", f"account {user} holds {held[user]}, its strategies {ours[user]}")
