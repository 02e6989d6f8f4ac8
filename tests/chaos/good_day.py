"""The evidence of one day that is in order, for tests that spoil it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.chaos.checker import judged
from tests.chaos.evidence import Evidence

SOLD = "11111111-1111-1111-1111-111111111111"
BUY_AT = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
SELL_AT = BUY_AT + timedelta(seconds=10)
DAY = {"trading_day": date(2026, 11, 20), "round": 1}


def order(leg: str, tag: str, at: datetime, **changes: Any) -> dict[str, Any]:
    row = {
        **DAY,
        "order_id": f"ours-{tag}",
        "strategy_id": SOLD,
        "leg": leg,
        "attempt": 1,
        "tag": tag,
        "side": "BUY" if leg == "entry" else "SELL",
        "status": "complete",
        "message": "",
        "broker_order_id": f"theirs-{tag}",
        "filled_quantity": 10,
        "due_at": at,
        "created_at": at - timedelta(seconds=3),
        "sent_at": at,
    }
    return row | changes


def placed(side: str, tag: str | None, at: datetime, **changes: Any) -> dict[str, Any]:
    row = {
        "user_id": "U1",
        "order_id": f"theirs-{tag}",
        "tag": tag,
        "transaction_type": side,
        "tradingsymbol": "TCS",
        "product": "MIS",
        "status": "COMPLETE",
        "filled_quantity": 10,
        "received_at": at.timestamp() + 0.02,
    }
    return row | changes


def refused(method: str, path: str, status: int, tag: str | None = None) -> dict[str, Any]:
    at = BUY_AT.timestamp() - 0.4
    return {"user_id": "U1", "method": method, "path": path, "tag": tag, "status": status, "received_at": at}


def line(kind: str, at: datetime, text: str = "") -> dict[str, Any]:
    return {"kind": kind, "at": at, "text": text or kind, "data": {}}


def hand(seen: Evidence, at: datetime, quantity: int, product: str = "MIS") -> None:
    """Let another hand have bought, or sold where the quantity is negative, in the broker's app."""
    number = f"by-hand-{len(seen.ledger)}"
    side = "BUY" if quantity > 0 else "SELL"
    seen.ledger.append(placed(side, None, at, order_id=number, filled_quantity=abs(quantity)))
    move = {"symbol": "TCS", "product": product, "quantity": quantity}
    act = {"what": "hand", "action": side.lower(), "at": at.timestamp(), "orders": [number], "moves": [move]}
    seen.script["days"][0]["acts"].append(act)


def good() -> Evidence:
    """One strategy, bought and sold, with everything in its place."""
    played = {"day": {"number": 0, "lane": 0, "kind": "sell"}, "user": "U1", "strategies": [SOLD], "acts": []}
    strategy = {
        **DAY,
        "strategy_id": SOLD,
        "status": "stopped",
        "phase": "done",
        "position": "sold",
        "outcome": "sold",
        "outcome_detail": "sold 10",
        "started_at": BUY_AT - timedelta(seconds=5),
        "symbol": "TCS",
        "product": "MIS",
        "bought_quantity": 10,
        "sold_quantity": 10,
    }
    view = {"outcome": "sold", "position": "sold", "bought": 10, "sold": 10}
    return Evidence(
        script={
            "days": [played | {"began": BUY_AT.timestamp() - 6, "ended": SELL_AT.timestamp() + 1}],
            "fault_free_lanes": [0],
            "disturbances": [],
        },
        ledger=[placed("BUY", "B1", BUY_AT), placed("SELL", "S1", SELL_AT)],
        refused=[],
        strategies={SOLD: strategy},
        orders=[order("entry", "B1", BUY_AT), order("exit", "S1", SELL_AT)],
        events={
            SOLD: [
                line("started", BUY_AT - timedelta(seconds=5)),
                line("stopped", SELL_AT + timedelta(seconds=1)),
            ]
        },
        redis_keys=["queue:orders"],
        open_runs=[],
        views={SOLD: view},
    )


async def invariants(evidence: Evidence) -> set[str]:
    return {violation["invariant"] for violation in (await judged(evidence))["violations"]}


def in_series(seen: Evidence) -> None:
    """Let the day have been the first of a series, whose next day its user called off."""
    first, second = (
        {
            "start_id": f"start-{day}",
            "strategy_id": SOLD,
            "series_id": "start-20",
            "trading_day": date(2026, 11, day),
        }
        for day in (20, 23)
    )
    seen.starts.extend((first, second))
    seen.series.append(
        {"series_id": "start-20", "strategy_id": SOLD, "ended_at": SELL_AT, "ended_by": "stopped"}
    )
