"""Invariants 13 and 14: stops at the exchange.

13. No order of ours can trade once its day has ended, and all open sales of a strategy together never offer
    more than it holds.
14. Shares that are held have a stop, at the exchange or with a listener that lives.
"""

from collections.abc import Iterable, Iterator
from math import inf
from typing import Any

from tests.chaos.case import Case, Found, Violation, ended_at, fills

GRACE = 5.0
"""Seconds after the end of a day within which what was asked of its orders is done; and for which shares may
be without a stop."""
NAMED_EVERY = 3.0
"""Seconds between two words of a listener for a stop."""
SAID_FOR = NAMED_EVERY + 1.0
"""Seconds for which a word of a listener counts, while it lives."""
LATE = {"adopted", "order_absent", "order_twice"}
"""Lines that say of an order that the broker showed it too late."""
ENDS = {"stopped", "stop_asked", "cancelled", "stop_loss", "target", "sold"}
"""Lines from which on the shares of a round are being sold."""
Times = list[tuple[float, float]]


def ends(case: Case) -> Found:
    """13: what a day has sent is over when the day is over, and together never sells more than is held."""
    for strategy_id in case.seen.strategies:
        told = case.says(strategy_id, LATE)
        for at in _stops(case, strategy_id):
            for row in case.rows[strategy_id]:
                over = ended_at(row)
                if row["received_at"] <= at and over > at + GRACE and not told:
                    late = "for ever" if over == inf else f"for {over - at:.1f} s"
                    what = f"{row['transaction_type']} {row['order_id']} could trade {late} after the end"
                    yield Violation("13", what, strategy_id)
        yield from _exposed(case, strategy_id)


def unguarded(case: Case) -> Found:
    """14: no share is held without a stop for long, unless the listener could not be there."""
    for strategy_id, began, until in _gaps(case):
        if not _was_away(case, began, until):
            what = f"held for {until - began:.1f} s without a stop, at the exchange or here"
            yield Violation("14", what, strategy_id)


STOP_INVARIANTS = (ends, unguarded)


def protected(case: Case) -> dict[str, object]:
    """Return the figures of protected days."""
    of_day = [one for one, record in case.played.items() if record["day"].get("protect")]
    rested = [order for one in of_day for order in case.orders[one] if order.get("stop")]
    gaps = [(until - began, _was_away(case, began, until)) for _, began, until in _gaps(case)]
    return {
        "strategies": len(of_day),
        "stops at the exchange": len(rested),
        "filled": sum(bool(order["filled_quantity"]) for order in rested),
        "changes": sum(len(order["modifications"]) for order in rested),
        "without a stop while the listener was away": sum(away for _, away in gaps),
        "longest of them, seconds": round(max((gap for gap, away in gaps if away), default=0.0), 1),
    }


def _stops(case: Case, strategy_id: str) -> list[float]:
    lines = case.seen.events.get(strategy_id, ())
    return [line["at"].timestamp() for line in lines if line["kind"] == "stopped"]


def _exposed(case: Case, strategy_id: str) -> Found:
    """All open sales of a strategy together may sell no more than it holds, at any moment."""
    record = case.played.get(strategy_id)
    if record is None or not record["day"].get("protect"):
        return
    held = on_sale = 0
    for at, bought, offered in sorted(_changes(case.rows[strategy_id])):
        held, on_sale = held + bought, on_sale + offered
        if on_sale > held:
            what = f"{on_sale} shares were on sale at {at:.3f}, {held} were held"
            yield Violation("13", what, strategy_id)
            return


def _changes(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[float, int, int]]:
    """Yield by how much each moment changed what is held, and what is on sale; a fill before a new order."""
    for row in rows:
        is_sale = row["transaction_type"] == "SELL"
        for at, quantity in fills(row):
            yield at, quantity, quantity if is_sale else 0
        if is_sale and row["status"] != "REJECTED":
            yield row["received_at"], 0, row["quantity"]
            if ended_at(row) < inf:
                yield ended_at(row), 0, row["filled_quantity"] - row["quantity"]


def _gaps(case: Case) -> Iterator[tuple[str, float, float]]:
    """Yield the strategies with shares that had no stop for too long, and from when to when."""
    for strategy_id, record in case.played.items():
        if not record["day"].get("protect") or strategy_id not in case.seen.strategies:
            continue
        stops = [*_at_exchange(case, strategy_id), *_with_listener(case, strategy_id)]
        for began, until in _held(case, strategy_id):
            for since, to in without(began, until, stops):
                if to - since > GRACE + NAMED_EVERY:
                    yield strategy_id, since, to


def _held(case: Case, strategy_id: str) -> Times:
    """Return from when to when each round was held: since its purchase was known, until it is to be sold."""
    found: Times = []
    since: float | None = None
    for line in case.seen.events.get(strategy_id, ()):
        if line["kind"] == "bought" and since is None:
            since = line["at"].timestamp()
        elif line["kind"] in ENDS and since is not None:
            found.append((since, line["at"].timestamp()))
            since = None
    dues = [one["due_at"].timestamp() for one in case.orders[strategy_id] if _is_sale(one)]
    acts = [_ends_at(act, strategy_id) for act in case.played[strategy_id]["acts"]]
    killed = [one["at"] for one in case.seen.script["disturbances"] if one["hit"] == strategy_id]
    return [(since, min(at for at in (*dues, *acts, *killed, to) if at > since)) for since, to in found]


def _is_sale(order: dict[str, Any]) -> bool:
    return order["leg"] == "exit" and order["due_at"] is not None


def _ends_at(act: dict[str, Any], strategy_id: str) -> float:
    """Return when an act ended, or may have ended, the holding of a strategy; 0 where it does not."""
    if act["what"] == "price":
        return float(act["at"])  # from here on its stop, or its target, acts
    its = act["what"] in ("stop", "cancel", "kill") and act["strategy_id"] in (strategy_id, None)
    return float(act.get("asked", act["at"])) if its else 0.0


def _at_exchange(case: Case, strategy_id: str) -> Times:
    """Return from when to when a stop lay at the exchange, or an order that sells."""
    return [
        (row["received_at"], ended_at(row))
        for row in case.rows[strategy_id]
        if row["transaction_type"] == "SELL" and row["status"] != "REJECTED"
    ]


def _with_listener(case: Case, strategy_id: str) -> Times:
    watch = case.seen.script.get("watch", {})
    nobody = watch.get("nobody", ())
    said = [(at, at + SAID_FOR) for at in watch.get("watched", {}).get(strategy_id, ())]
    return [(at, min([until, *(since for since, _ in nobody if since > at)])) for at, until in said]


def _was_away(case: Case, began: float, until: float) -> bool:
    """Tell whether the listener, or what it needs, was killed, frozen or cut off in that time."""
    parts = {"listener", "postgres", "redis", "temporal", "flush", "stop.crossed", "stop.signalled"}
    return any(
        (one["target"] in parts or one["what"] == "feed")
        and one["at"] - 1 < until
        and one["until"] + 6 > began
        for one in case.seen.script["disturbances"]
    )


def without(began: float, until: float, covered: Iterable[tuple[float, float]]) -> Times:
    """Return the parts of a time that none of these covers."""
    found, at = [], began
    for since, to in sorted(covered):
        if since >= until:
            break
        if since > at:
            found.append((at, since))
        at = max(at, to)
    return [*found, (at, until)] if at < until else found
