"""Invariants 3, 4 and 6: nothing early, late or after the stop; every part says the same, and says why."""

from datetime import datetime
from typing import Any

from tests.chaos.case import TOLERANCE, Case, Found, Violation

MISSED_AFTER = 5
SAID = {"rejected": "order_rejected", "not_placed": "order_not_placed", "absent": "order_absent"}


def moments(case: Case) -> Found:
    """3: nothing after the stop, no entry early, late, or at a crossed stop."""
    for strategy_id in case.seen.strategies:
        for placed in case.rows[strategy_id]:
            yield from _in_time(case, strategy_id, placed)
            yield from _not_after_the_stop(case, strategy_id, placed)
        record = case.played.get(strategy_id)
        if record and record["day"]["kind"] == "crossed" and case.rows[strategy_id]:
            yield Violation("3", "an entry though the price was at the stop", strategy_id)


def _in_time(case: Case, strategy_id: str, placed: dict[str, Any]) -> Found:
    order = case.by_tag[placed["tag"]]
    if order["leg"] != "entry":
        return
    first = next(
        other
        for other in case.orders[strategy_id]
        if other["leg"] == "entry"
        and other["round"] == order["round"]
        and other["trading_day"] == order["trading_day"]
    )
    # What the exchange took late because it said "timed out" first was sent in time.
    sent = (
        min(placed["received_at"], order["sent_at"].timestamp())
        if order["sent_at"]
        else placed["received_at"]
    )
    late = sent - first["due_at"].timestamp()
    if late > MISSED_AFTER + TOLERANCE:
        yield Violation("3", f"bought {late:.2f} s after buy_time", strategy_id)
    if late < -TOLERANCE:
        yield Violation("3", f"bought {-late:.2f} s before buy_time", strategy_id)


def _not_after_the_stop(case: Case, strategy_id: str, placed: dict[str, Any]) -> Found:
    running: datetime | None = None
    stopped: datetime | None = None
    for event in case.seen.events.get(strategy_id, ()):
        if event["at"].timestamp() > placed["received_at"]:
            break
        if event["kind"] == "started":
            running, stopped = event["at"], None
        elif event["kind"] == "stopped":
            stopped = event["at"]
    if stopped is None or running is None:
        return
    late = placed["received_at"] - stopped.timestamp()
    if late > TOLERANCE and not case.says(strategy_id, {"adopted"}):
        yield Violation("3", f"{placed['transaction_type']} {late:.2f} s after the stop", strategy_id)


def agreement(case: Case) -> Found:
    """4: Postgres, the ledger, the runs and Redis say the same; nothing is left running or lying about."""
    for strategy_id, row in case.seen.strategies.items():
        if row["status"] != "stopped" and row["started_at"] is not None:
            yield Violation("4", f"is still {row['status']}, phase {row['phase']}", strategy_id)
        bought, sold = case.filled(strategy_id, row)
        if (row["bought_quantity"], row["sold_quantity"]) != (bought, sold):
            yield Violation(
                "4",
                f"Postgres: bought {row['bought_quantity']}, sold {row['sold_quantity']}; "
                f"the ledger: {bought}, {sold}",
                strategy_id,
            )
        left = bought - sold - row.get("outside_quantity", 0)
        position = "none" if not bought else "bought" if left > 0 else "sold"
        if row["position"] != position:
            yield Violation("4", f"position {row['position']}, the ledger says {position}", strategy_id)
        yield from _run_agrees(case, strategy_id, row)
    for placed in case.ledger:
        order = case.by_tag.get(placed["tag"])
        if order is None:
            continue
        ours = order["broker_order_id"], order["filled_quantity"]
        theirs = placed["order_id"], placed["filled_quantity"]
        if ours != theirs:
            what = f"{order['leg']} {order['attempt']} ({order['status']}): order and filled {ours}"
            yield Violation("4", f"{what}, the ledger {theirs}", str(order["strategy_id"]))
    for key in case.seen.redis_keys:
        if key.startswith(("strategy:", "runtime:", "symbol:")):
            yield Violation("4", f"the Redis key {key} is left over", key.split(":")[1])
    for run in case.seen.open_runs:
        yield Violation("4", f"the run {run} is still open", run.removeprefix("strategy-")[:36])


def _run_agrees(case: Case, strategy_id: str, row: dict[str, Any]) -> Found:
    view = case.seen.views.get(strategy_id)
    if not isinstance(view, dict) or "bought" not in view:
        return
    if case.waits_for_another_round(strategy_id) and view["outcome"] == row["outcome"]:
        return
    said = (view["outcome"], view["position"], view["bought"], view["sold"])
    written = (row["outcome"], row["position"], row["bought_quantity"], row["sold_quantity"])
    if said != written:
        yield Violation("4", f"the run says {said}, Postgres {written}", strategy_id)


def words(case: Case) -> Found:
    """6: what did not go as planned is in the timeline, with its reason."""
    for order in case.seen.orders:
        kind = SAID.get(order["status"])
        strategy_id = str(order["strategy_id"])
        if kind is None:
            continue
        lines = [
            event
            for event in case.seen.events.get(strategy_id, ())
            if event["kind"] == kind and event["data"].get("order_id") == str(order["order_id"])
        ]
        if not lines and order["sent_at"] is not None:
            yield Violation(
                "6", f"no line for {order['leg']} {order['attempt']}, {order['status']}", strategy_id
            )
    for strategy_id, row in case.seen.strategies.items():
        if row["status"] != "stopped":
            continue
        if not row["outcome_detail"]:
            yield Violation("6", f"{row['outcome']} without a reason", strategy_id)
        if not case.says(strategy_id, {"stopped"}):
            yield Violation("6", "no line says that it stopped", strategy_id)
    for record in case.seen.script["days"]:
        if "trouble" in record:
            last = record["strategies"][-1] if record["strategies"] else None
            yield Violation(
                "0", f"day {record['day']['number']} could not be played: {record['trouble']}", last
            )
