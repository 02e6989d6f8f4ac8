"""A worker, its successors, the user and the exchange around one protected exit: what may happen next.

Between two steps of a worker everything in `FAULTS` may happen; without faults each state has one successor.
A worker that dies is followed by another four seconds later, which knows what the store holds.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from domain.order import OrderStatus
from domain.protected_exit import (
    Action,
    Aim,
    Cancel,
    Done,
    Follow,
    LookUp,
    Modify,
    Place,
    Read,
    SellRest,
    ToMarket,
    Wait,
)
from domain.protected_step import absent_after, next_action
from domain.resting_stop import why_ended
from tests.simulation.resting_exchange import (
    ALIVE,
    CANCELLED,
    COMPLETE,
    MARKET,
    MODIFICATIONS,
    NEVER,
    REJECTED,
    SELF_TRADE,
    WAITS,
    Exchange,
    Late,
    Order,
)
from tests.simulation.resting_facts import BELOW, BETWEEN, NOW, Facts, Row, exit_of, sold, tenths

TAKEN_OVER = 40
"""Tenths of a second after which another worker goes on where one has died."""
LONG = 300
"""A worker that waits so long waits for the day to go on."""
BY_HAND = -1
"""The level to which a hand moves a trigger."""
LATE_PLACED, HIDDEN, BEYOND, LATE_CHANGE = 80, 30, 900, 20
_FINAL = {
    COMPLETE: OrderStatus.COMPLETE,
    CANCELLED: OrderStatus.CANCELLED,
    REJECTED: OrderStatus.REJECTED,
}


class Call(NamedTuple):
    """A call that the worker has the right to make, or its answer, still to be written down."""

    what: str
    slice: int
    number: int
    level: int = MARKET
    quantity: int = 0
    answer: str = ""


class World(NamedTuple):
    """Everything at one moment. `script`: what the day still brings, in this order, its ending last."""

    exchange: Exchange
    facts: Facts
    script: tuple[str, ...]
    call: Call | None = None
    away: int = 0
    store_away: int = 0
    by_hand: int = 0
    """Shares that were sold or converted by hand."""
    unknown: int = 0
    """Of these, how many no worker has heard of."""
    beyond: bool = False
    """An order shows later than an exit looks for it."""
    done: bool = False
    wrong: str = ""


@lru_cache(maxsize=500_000)
def decided(facts: Facts) -> Action:
    """Return what the product does next."""
    return next_action(exit_of(facts), NOW)


def goes_on(world: World) -> World:
    """Return what is next where nothing goes wrong."""
    call = world.call
    if call is not None:
        return _answered(world, call) if call.answer else _called(world, call, "")
    match decided(world.facts):
        case Done():
            return world._replace(done=True)
        case Read():
            return _account_read(passed(world, 1))
        case Follow(at) | LookUp(at=at):
            wait = max(1, tenths(at))
            due = wait >= LONG or _sees_its_stop_crossed(world)
            return _days_next(world) if due and world.script else _read(passed(world, wait))
        case Wait(at=None):
            if world.away or world.store_away:
                return passed(world, max(world.away, world.store_away))
            return _days_next(world) if world.script else world
        case Wait(at=at):
            return passed(world, max(1, tenths(at or NOW)))
        case action:
            return _written(world, action)


def _sees_its_stop_crossed(world: World) -> bool:
    """Tell whether a worker that was away finds the price below the stop and its order unsold: it sells."""
    return (
        world.facts.aim is Aim.PROTECT
        and world.exchange.price == BELOW
        and all(row.seen is not None and row.seen[3] > -10 for row in world.facts.rows if row.is_open)
    )


def may_go_wrong(world: World) -> Iterator[tuple[str, World]]:
    """Yield everything else that may happen at this moment."""
    if world.done:
        return
    yield "the worker dies", passed(world._replace(call=None), TAKEN_OVER)
    call = world.call
    if call is not None and call.answer:
        return
    if call is not None:
        for fault in CALL_FAULTS[call.what]:
            yield f"{call.what}: {fault}", _called(world, call, fault)
    yield from _others(world)


def passed(world: World, wait: int) -> World:
    """Let so many tenths of a second pass."""
    away, store_away = max(0, world.away - wait), max(0, world.store_away - wait)
    facts = world.facts.passed(wait)._replace(reachable=not away, may_write=not store_away)
    exchange = world.exchange.passed(wait)
    return world._replace(facts=facts, exchange=exchange, away=away, store_away=store_away)


def _written(world: World, action: Action) -> World:
    """Write down what is about to be done: from here on it counts as done, whatever becomes of it."""
    facts = world.facts
    match action:
        case Place(at, number, quantity) | SellRest(at, number, quantity):
            row = facts.row(at, number)
            if row is None:
                return world._replace(facts=facts.with_row(Row(at, number, OrderStatus.PLANNED)))
            level = facts.level if isinstance(action, Place) else MARKET
            row = row._replace(status=OrderStatus.SENT, quantity=quantity, level=level, sent=0)
            call = Call("place", at, number, level, quantity)
        case ToMarket(order, number) | Modify(order, number):
            row = _row_of(facts, order.attempt.order_id.int)
            level = MARKET if isinstance(action, ToMarket) else facts.level
            tries = row.tries + (level == MARKET)
            row = row._replace(change=(number, level, 0, False), tries=tries)
            row = row._replace(moved_to=max(row.moved_to, level))
            call = Call("change", row.slice, row.number, level)
        case Cancel(order):
            row = _row_of(facts, order.attempt.order_id.int)._replace(cancel=0)
            call = Call("cancel", row.slice, row.number)
        case _:
            raise AssertionError(action)
    return world._replace(facts=facts.with_row(row), call=call)


def _row_of(facts: Facts, named: int) -> Row:
    row = facts.row(*divmod(named, 100))
    assert row is not None
    return row


CALL_FAULTS = {
    "place": ("lost", "no answer", "late", "hidden", "hidden, no answer", "refused", "rejected", "beyond"),
    "change": ("lost", "late", "refused"),
    "cancel": ("lost", "late"),
}


def _called(world: World, call: Call, fault: str) -> World:
    """Let a call reach the exchange, or not, and return with its answer."""
    if not world.facts.reachable:
        return world._replace(call=call._replace(answer="refused" if call.what == "place" else "lost"))
    after = {"place": _placed, "change": _changed, "cancel": _cancelled}[call.what](world, call, fault)
    return passed(after, 1)


def _placed(world: World, call: Call, fault: str) -> World:
    hidden = HIDDEN if fault.startswith("hidden") else BEYOND if fault == "beyond" else 0
    order = Order(
        call.slice, call.number, WAITS if call.level else "open", call.quantity, call.level, hidden=hidden
    )
    exchange, answer = world.exchange, "accepted"
    if fault in ("", "no answer", "hidden", "hidden, no answer", "beyond"):
        exchange = exchange.placed(order)
    elif fault == "late":
        exchange = exchange._replace(late=(*exchange.late, Late(LATE_PLACED, "place", order)))
    elif fault == "rejected":
        exchange = exchange.with_order(order._replace(status=REJECTED, message="RMS"))
    if fault in ("lost", "late", "no answer", "hidden, no answer", "beyond"):
        answer = "unknown"
    elif fault == "refused":
        answer = "refused"
    beyond = world.beyond or fault == "beyond"
    return world._replace(exchange=exchange, call=call._replace(answer=answer), beyond=beyond)


def _changed(world: World, call: Call, fault: str) -> World:
    exchange, order = world.exchange, world.exchange.find(call.slice, call.number)
    if order is None or order.status not in ALIVE or fault == "refused":
        return world._replace(call=call._replace(answer="refused"))
    if order.changes >= MODIFICATIONS:
        return world._replace(call=call._replace(answer="used up"))
    what = "move" if call.level else "market"
    order = order._replace(trigger=call.level)
    if fault == "late":
        exchange = exchange._replace(late=(*exchange.late, Late(LATE_CHANGE, what, order)))
    elif not fault:
        exchange = exchange.moved(order, call.level) if call.level else exchange.to_market(order)
    return world._replace(exchange=exchange, call=call._replace(answer="accepted"))


def _cancelled(world: World, call: Call, fault: str) -> World:
    exchange, order = world.exchange, world.exchange.find(call.slice, call.number)
    if order is not None and fault == "late":
        exchange = exchange._replace(late=(*exchange.late, Late(LATE_CHANGE, "cancel", order)))
    elif order is not None and not fault:
        exchange = exchange.cancelled(order)
    return world._replace(exchange=exchange, call=call._replace(answer="asked"))


def _answered(world: World, call: Call) -> World:
    row = world.facts.row(call.slice, call.number)
    assert row is not None
    if call.what == "place" and call.answer != "unknown":
        status = OrderStatus.OPEN if call.answer == "accepted" else OrderStatus.NOT_PLACED
        row = row._replace(status=status)
    elif call.what == "change" and row.change is not None:
        refused = call.answer in ("refused", "used up")
        row = row._replace(change=(*row.change[:3], refused), used_up=row.used_up or call.answer == "used up")
    return world._replace(facts=world.facts.with_row(row), call=None)


def _read(world: World) -> World:
    """Read the order book, and write down what it shows; a sale by hand is in it."""
    if not world.facts.reachable:
        return world
    facts, before = world.facts, sold(world.facts.rows)
    horizon = int(absent_after(exit_of(facts)).total_seconds() * 10)
    for row in facts.rows:
        facts = facts.with_row(_shown(world, row, horizon))
    if facts.account is not None:
        known = facts.account - (sold(facts.rows) - before) - world.unknown
        facts = facts._replace(account=max(0, known))
    return world._replace(facts=facts, unknown=0)


def _shown(world: World, row: Row, horizon: int) -> Row:
    """Return an attempt as the order book shows it; one it does not show is given up after its horizon."""
    found = world.exchange.find(row.slice, row.number)
    if row.status in _FINAL.values() or row.status is OrderStatus.PLANNED:
        return row
    if found is None or found.hidden:
        given_up = row.status is OrderStatus.SENT and -row.sent >= horizon and _explained(world)
        return row._replace(status=OrderStatus.ABSENT) if given_up else row
    if found.status in ALIVE:
        seen = (found.status == WAITS, found.trigger, found.quantity, 0)
        return row._replace(status=OrderStatus.OPEN, filled=found.filled, seen=seen)
    ended = None
    if found.status == CANCELLED:
        ended = why_ended(found.message, asked=row.cancel != NEVER, swept=world.facts.swept)
    over = Row(row.slice, row.number, _FINAL[found.status], row.quantity, filled=found.filled)
    return over._replace(sent=row.sent, ended=ended, ended_at=0)


def _explained(world: World) -> bool:
    """Tell whether the order book explains what the position book says was sold."""
    return not any(order.hidden and order.filled for order in world.exchange.orders)


def _account_read(world: World) -> World:
    if not world.facts.reachable:
        return world
    world = _read(world)
    if not _explained(world):
        return passed(world._replace(facts=world.facts._replace(patient=False)), 20)
    return world._replace(facts=world.facts._replace(account=max(0, world.exchange.held)))


def _days_next(world: World) -> World:
    """Bring the next event of the day."""
    event, *rest = world.script
    return happens(world._replace(script=tuple(rest)), event)


def happens(world: World, event: str) -> World:
    """Return the world after an event of the day."""
    facts, exchange = world.facts._replace(since=0), world.exchange
    match event:
        case "fill":
            account = None if facts.account is None else facts.account + 1
            facts = world.facts._replace(bought=facts.bought + 1, account=account, entry_open=False)
            exchange = exchange._replace(held=exchange.held + 1)
        case "trail":
            facts = world.facts._replace(level=2)
        case "sell":
            facts = facts._replace(aim=Aim.SELL, account=None)
        case "stop":
            exchange, facts = exchange.at(BELOW), facts._replace(aim=Aim.SELL, acting=BELOW)
        case "between":
            exchange = exchange.at(BETWEEN)
            facts = facts._replace(aim=Aim.SELL, acting=BETWEEN, level=2)
        case "keep":
            facts = facts._replace(aim=Aim.RELEASE)
        case "asleep":
            return passed(world._replace(exchange=exchange.at(BELOW), facts=world.facts), 600)
        case "close":
            exchange = exchange.passed(LATE_PLACED)
            for order in exchange.orders:
                exchange = exchange.cancelled(order)
            exchange = exchange._replace(closed=True)
            facts = world.facts._replace(over=True, swept=True)
        case _:
            raise AssertionError(event)
    return world._replace(exchange=exchange, facts=facts)


def _others(world: World) -> Iterator[tuple[str, World]]:
    """Yield what the user, the broker, the exchange and other parts may do now."""
    exchange, facts = world.exchange, world.facts
    for shares in {1, exchange.held}:
        if 0 < shares <= exchange.held:
            hand = world._replace(
                exchange=exchange._replace(held=exchange.held - shares), by_hand=world.by_hand + shares
            )
            known = None if facts.account is None else max(0, facts.account - shares)
            yield f"a hand sells {shares}", hand._replace(facts=facts._replace(account=known))
            yield f"a hand sells {shares}, unheard", hand._replace(unknown=world.unknown + shares)
    if exchange.held > 0:
        away = exchange._replace(held=exchange.held - 1)
        # No order of it is in the book, and no update tells of it: only the account shows it.
        yield "a hand converts 1", world._replace(exchange=away, by_hand=world.by_hand + 1)
    alive = [order for order in exchange.orders if order.left]
    for order in alive[:1]:
        yield "a hand cancels", world._replace(exchange=exchange.cancelled(order))
        yield "self trade", world._replace(exchange=exchange.cancelled(order, SELF_TRADE))
        if order.status == WAITS and order.trigger != BY_HAND:
            yield "a hand moves it", world._replace(exchange=exchange.moved(order, BY_HAND))
    if not facts.swept and not facts.over:
        swept = exchange
        for order in alive:
            if order.status == WAITS:
                swept = swept.cancelled(order)
        yield "sweep", world._replace(exchange=swept, facts=facts._replace(swept=True))
    if exchange.price:
        yield "the price falls", world._replace(exchange=exchange.at(BELOW))
        if not exchange.cancels:
            yield "17070", world._replace(exchange=exchange._replace(cancels=True))
        if not exchange.slow:
            yield "it triggers nothing", world._replace(exchange=exchange._replace(slow=True))
    if not exchange.parts:
        yield "a part", world._replace(exchange=exchange._replace(parts=True))
    if world.script:
        yield f"{world.script[-1]} now", happens(world._replace(script=()), world.script[-1])
    elif facts.aim is Aim.SELL:
        yield "keep now", happens(world, "keep")
    if not world.away:
        for wait in (30, 600):
            yield f"no broker for {wait}", world._replace(away=wait, facts=facts._replace(reachable=False))
    if not world.store_away:
        yield "no store", world._replace(store_away=30, facts=facts._replace(may_write=False))
