"""Invariants 8 to 11: the account is not ours alone.

8. No order of ours makes a position that the account would not have without it: no short is opened, no more
   is sold than the account held. A hand that moves between the last reading of the account and our order
   cannot be seen: such a sale is counted apart, and `oversold` must have been told, every time.
9. A run whose shares are gone ends within a minute while its parts live, and says so.
10. Each order is in the account that was connected at its START; no tag of a deleted strategy comes again.
11. Nothing that is due stands still for more than a minute without a line that says so.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.chaos.case import TOLERANCE, Case, Found, Violation, fills

WINDOW, DISTURBED_WINDOW = 1.0, 10.0
"""Seconds before our order within which a hand may not have been seen; the latter while something fails."""
HEARD = 35.0
"""Seconds within which a stop at the exchange may sell what a hand has taken: an account is read at least
twice a minute, where the feed is not its user's own."""
WITHIN = 60.0
"""Seconds within which a run ends whose shares are gone, and within which what is due is sent or told."""
OK, CREATED = 200, 201
TELLS = {"alert", "emergency", "waiting", "adopted", "late", "missed", "skipped"}
UNREAD = "could not be read at the broker"

DELETED = "a deleted strategy"
"""Whose orders moved the account, and are judged no more: Postgres holds nothing of it."""

Place = tuple[str, str, str]
"""An account, a symbol in it, and a product."""


@dataclass(frozen=True, slots=True)
class Move:
    """One change of a position: by an order of a strategy of ours, or by another hand."""

    at: float
    quantity: int
    strategy: str | None = None
    tag: str | None = None


def account(case: Case) -> Found:
    """8: no short is opened; what could not be seen in time is told."""
    for sale in _shorts(case):
        if _was_unread(case, sale):
            continue
        if not _inside(case, sale):
            what = f"sold what was gone: {sale.move.tag} made the account {sale.there} of {sale.place[1]}"
            yield Violation("8", what, sale.move.strategy)
        elif not _oversold_is_told(case, sale):
            yield Violation(
                "8", f"{-sale.there} oversold inside the window, and not told", sale.move.strategy
            )


def gone(case: Case) -> Found:
    """9: a run whose shares are gone ends within a minute, as `closed_outside`, with an alert."""
    for strategy_id, at in _gone(case):
        row = case.seen.strategies[strategy_id]
        stopped = _stopped_at(case, strategy_id, at)
        if stopped is None or (
            stopped > at + WITHIN and not _is_disturbed(case, strategy_id, at, at + WITHIN)
        ):
            late = "never" if stopped is None else f"{stopped - at:.1f} s later"
            yield Violation("9", f"its shares were gone, and it ended {late}", strategy_id)
        elif stopped > at + WINDOW and not _says_outside(case, strategy_id, row):
            if _sold_by_the_exchange(case, strategy_id, at):
                continue  # 8 counts it: what rests sold before anybody could hear that its shares were gone
            if _is_told_unread(case, strategy_id):
                continue  # sold all the same, which is told; 8 counts it
            if _a_twin_says_outside(case, strategy_id, row):
                continue  # the twin bought a moment later: whose shares were gone, the account does not show
            if row["outcome"] == "kept" and _is_disturbed(case, strategy_id, stopped - WITHIN, stopped):
                continue  # `keep` is answered within a minute, whether the account can be read or not
            yield Violation("9", f"its shares were gone, but it says {row['outcome']}", strategy_id)


def accounts(case: Case) -> Found:
    """10: each order is in the account of its START, and nothing that is deleted comes back."""
    for strategy_id, record in case.played.items():
        connected = _connected_until_start(record, strategy_id)
        for placed in case.rows[strategy_id]:
            if placed["user_id"] not in connected:
                what = f"{placed['order_id']} is in {placed['user_id']}, its START was in {connected}"
                yield Violation("10", what, strategy_id)
    used = Counter(row["tag"] for row in case.seen.ledger if row["tag"] in case.deleted_tags)
    for tag, times in used.items():
        if times > 1 or tag in case.by_tag:
            yield Violation("10", f"the tag {tag} of a deleted strategy came again")
    for record in case.seen.script["days"]:
        for act in record["acts"]:
            if (
                act["what"] == "created again"
                and act["answer"] == CREATED
                and act["made"] == act["strategy_id"]
            ):
                yield Violation("10", f"{act['made']} was deleted and came again under its key", None)


def due(case: Case) -> Found:
    """11: a purchase or sale that is due is sent, over, or told within a minute."""
    for strategy_id, record in case.played.items():
        row = case.seen.strategies.get(strategy_id)
        if row is None or "trouble" in record or not case.rows[strategy_id]:
            continue
        for order in case.orders[strategy_id]:
            yield from _stood_still(case, strategy_id, order)


def _connected_until_start(record: dict[str, Any], strategy_id: str) -> set[str]:
    """Return the accounts of a day that were connected by the time its START was answered.

    Mostly one; a START that waits while its user switches accounts may be in either, one that comes after it
    is in the other.
    """
    started = [
        act["at"] for act in record["acts"] if act["what"] == "start" and act["strategy_id"] == strategy_id
    ]
    switched = {
        act["to"]
        for act in record["acts"]
        if act["what"] in ("switched", "connected another")
        and act.get("answer", OK) == OK
        and act["at"] <= max(started, default=0)
    }
    return {record["user"], *switched}


ACCOUNT_INVARIANTS = (account, gone, accounts, due)


def hands_moved(case: Case) -> dict[str, int]:
    """Return how often each hand moved, by what it did."""
    found: Counter[str] = Counter()
    for record in case.seen.script["days"]:
        for act in record["acts"]:
            if act["what"] == "hand":
                found[act["action"]] += 1
            elif act["what"] in ("switched", "created again", "hand refused", "connected another"):
                found[act["what"]] += 1
    return dict(found)


def window(case: Case) -> dict[str, int]:
    """Return how many hands moved inside the window, and how many of those sales were told."""
    inside = [sale for sale in _shorts(case) if _inside(case, sale)]
    return {
        "oversold": len(inside),
        "told": sum(_oversold_is_told(case, sale) for sale in inside),
        "triggered before it was heard": sum(_was_triggered(case, sale.move) for sale in inside),
        "sold unread": sum(_was_unread(case, sale) for sale in _shorts(case)),
    }


@dataclass(frozen=True, slots=True)
class _Short:
    """A sale of ours after which an account was short; `taken` is when a hand last took from it before."""

    place: Place
    move: Move
    there: int
    taken: float


def _shorts(case: Case) -> Iterator[_Short]:
    """Yield the sales that made an account shorter than it was before the purchase of what they sold.

    A short of before is nothing of ours, as long as no hand has closed it since.
    """
    for place, moves in _moves(case).items():
        there, taken = 0, 0.0
        before: dict[str, int] = {}
        held = Counter[str]()
        for move in moves:
            if move.strategy is not None and move.quantity > 0:
                before.setdefault(move.strategy, there - held.total())  # the user's own alone
            if move.strategy is not None:
                held[move.strategy] += move.quantity
            there += move.quantity
            if move.strategy is None:
                taken = move.at if move.quantity < 0 else taken
                before = dict.fromkeys(before, 0) if not there else before
            elif _is_shorter(move, there, before) and taken and move.strategy != DELETED:
                yield _Short(place, move, there, taken)


def _is_shorter(move: Move, there: int, before: dict[str, int]) -> bool:
    return move.quantity < 0 and there < min(0, before.get(move.strategy or "", 0))


def _moves(case: Case) -> dict[Place, list[Move]]:
    """Return what changed each position, in its order."""
    found: dict[Place, list[Move]] = {}
    for strategy_id, rows in case.rows.items():
        product = case.seen.strategies[strategy_id].get("product", "CNC")
        for row in rows:
            place = row["user_id"], row.get("tradingsymbol", ""), product
            found.setdefault(place, []).extend(_moved(row, strategy_id))
    for row in case.seen.ledger:
        if row["tag"] in case.deleted_tags:
            place = row["user_id"], row["tradingsymbol"], row["product"]
            found.setdefault(place, []).extend(_moved(row, DELETED))
    for record in case.seen.script["days"]:
        for act in record["acts"]:
            for moved in act.get("moves", ()):
                place = record["user"], moved["symbol"], moved["product"]
                found.setdefault(place, []).append(Move(_moved_at(case, act), moved["quantity"]))
    return {place: sorted(moves, key=lambda move: move.at) for place, moves in found.items()}


def _moved(row: dict[str, Any], strategy: str) -> Iterator[Move]:
    return (Move(at, quantity, strategy, row["tag"]) for at, quantity in fills(row))


def _moved_at(case: Case, act: dict[str, Any]) -> float:
    """Return when a hand moved: when its first order came in, else when it was answered."""
    rows = [case.by_hand[order_id] for order_id in act["orders"] if order_id in case.by_hand]
    return min((float(row["received_at"]) for row in rows), default=float(act["at"]))


def _inside(case: Case, sale: _Short) -> bool:
    """Tell whether the hand moved after the last reading that the sale can have gone by."""
    if _was_triggered(case, sale.move):
        return sale.taken >= sale.move.at - HEARD
    sent = _sold_at(case, sale.move)
    disturbed = _is_disturbed(case, sale.move.strategy or "", sent - WINDOW, sent + WINDOW)
    return bool(sale.taken >= sent - (DISTURBED_WINDOW if disturbed else WINDOW))


def _sold_at(case: Case, move: Move) -> float:
    """Return when a sale was asked for: when it was sent, or when what rested was changed to the market."""
    order = case.by_tag[move.tag or ""]
    asked = [order["sent_at"].timestamp()] if order["sent_at"] else []
    return max((at for at in (*asked, *_market_tries(order)) if at <= move.at + TOLERANCE), default=move.at)


def _was_triggered(case: Case, move: Move) -> bool:
    """Tell whether the exchange sold it by the stop that rested there: nobody could look before that."""
    order = case.by_tag[move.tag or ""]
    return bool(order.get("stop")) and all(at > move.at + TOLERANCE for at in _market_tries(order))


def _sold_by_the_exchange(case: Case, strategy_id: str, after: float) -> bool:
    moves = (move for row in case.rows[strategy_id] for move in _moved(row, strategy_id))
    return any(
        move.quantity < 0 and 0 <= move.at - after <= HEARD and _was_triggered(case, move) for move in moves
    )


def _market_tries(order: dict[str, Any]) -> Iterator[float]:
    for change in order.get("modifications") or ():
        if change["price"] is None:
            yield datetime.fromisoformat(change["sent_at"]).timestamp()


def _was_unread(case: Case, sale: _Short) -> bool:
    """Tell whether the sale went out unread, and its user was told so: the books could not be had in time."""
    return _is_told_unread(case, sale.move.strategy or "")


def _is_told_unread(case: Case, strategy_id: str) -> bool:
    return any(UNREAD in event["text"] for event in case.seen.events.get(strategy_id, ()))


def _oversold_is_told(case: Case, sale: _Short) -> bool:
    """Tell whether a strategy of that account and symbol says that more was sold than there was."""
    user, symbol, _ = sale.place
    return any(
        bool(row.get("oversold_quantity")) or _says(case, strategy_id, "is short of")
        for strategy_id, row in case.seen.strategies.items()
        if case.played.get(strategy_id, {}).get("user") == user and row.get("symbol", symbol) == symbol
    )


def _says(case: Case, strategy_id: str, *words: str) -> bool:
    events = case.seen.events.get(strategy_id, ())
    return any(event["kind"] == "alert" and any(word in event["text"] for word in words) for event in events)


def _gone(case: Case) -> Iterator[tuple[str, float]]:
    """Yield the strategies that held shares when a hand took the last that the account had, and when."""
    for moves in _moves(case).values():
        there, held = 0, Counter[str]()
        for move in moves:
            there += move.quantity
            if move.strategy is not None:
                held[move.strategy] += move.quantity
            elif move.quantity < 0 and there <= 0:
                yield from (
                    (one, move.at) for one, count in held.items() if count > 0 and _ran(case, one, move)
                )
                held.clear()


def _ran(case: Case, strategy_id: str, move: Move) -> bool:
    """Tell whether the strategy was running then, with no sale of its own on its way."""
    if strategy_id == DELETED:
        return False
    stopped = _stopped_at(case, strategy_id, 0)
    exits = [order for order in case.orders[strategy_id] if order["leg"] == "exit"]
    sent = [one["sent_at"].timestamp() for one in exits if one["sent_at"] and not one.get("stop")]
    sent += [at for order in exits for at in _market_tries(order)]
    on_its_way = any(abs(at - move.at) < WINDOW for at in sent)
    return not on_its_way and (stopped is None or stopped > move.at)


def _stopped_at(case: Case, strategy_id: str, after: float) -> float | None:
    """Return when it stopped first after a moment, epoch seconds."""
    stops = [
        event["at"].timestamp()
        for event in case.seen.events.get(strategy_id, ())
        if event["kind"] == "stopped" and event["at"].timestamp() >= after
    ]
    return min(stops, default=None)


def _says_outside(case: Case, strategy_id: str, row: dict[str, Any]) -> bool:
    outside = row["outcome"] == "closed_outside" or bool(row.get("outside_quantity"))
    return outside and case.says(strategy_id, {"alert", "stopped"})


def _a_twin_says_outside(case: Case, strategy_id: str, row: dict[str, Any]) -> bool:
    """Tell whether another strategy of the day in the same shares says that they were gone."""
    twins = case.played[strategy_id]["strategies"] if strategy_id in case.played else ()
    rows = {twin: case.seen.strategies[twin] for twin in twins if twin != strategy_id}
    return any(
        other["symbol"] == row["symbol"] and _says_outside(case, twin, other) for twin, other in rows.items()
    )


def _stood_still(case: Case, strategy_id: str, order: dict[str, Any]) -> Found:
    """Judge the first attempt of a leg: the others are due when the one before them was over."""
    if order["attempt"] != 1 or order["due_at"] is None:
        return
    at = order["due_at"].timestamp()
    until = at + WITHIN
    if order["sent_at"] is not None and order["sent_at"].timestamp() <= until + TOLERANCE:
        return
    lines = case.seen.events.get(strategy_id, ())
    told = any(_is_between(event["at"], at - 1, until) and event["kind"] in TELLS for event in lines)
    over = _stopped_at(case, strategy_id, min(at, order["created_at"].timestamp()) - WITHIN)
    is_over = over is not None and over <= until
    if not (told or is_over) and not _is_disturbed(case, strategy_id, at, until):
        yield Violation(
            "11", f"the {order['leg']} stood still for a minute, and nothing was told", strategy_id
        )


def _is_between(at: datetime, first: float, last: float) -> bool:
    return first <= at.timestamp() <= last


def _is_disturbed(case: Case, strategy_id: str, began: float, until: float) -> bool:
    """Tell whether a shared part failed then, or the day has faults of its own at the broker."""
    shared = any(
        one["at"] - 1 < until and one["until"] + 6 > began for one in case.seen.script["disturbances"]
    )
    day = case.played[strategy_id]["day"] if strategy_id in case.played else {}
    return shared or bool(day.get("faults")) or bool(day.get("login"))
