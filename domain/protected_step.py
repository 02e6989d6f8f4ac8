"""Decides what is done next about an exit whose stop rests at the exchange. No I/O, no clock.

The caller reads the slices, asks `next_action`, does that one thing, writes it down and asks again, as with
`domain.leg.next_step`. Of two callers one takes the right to place or to change, in the store. A change that
a caller asks for on old knowledge does no harm: one order cannot sell its shares twice.

| aim      | the order                 | what is done                                                       |
|----------|---------------------------|--------------------------------------------------------------------|
| any      | sells more than the       | cancel, newest first; what is left is placed anew once the book    |
|          | account shows, or was     | shows it cancelled. The quantity of an order is never changed: for |
|          | bought                    | one that is filled in part, what a new one means is not documented |
| any      | unanswered, not found     | look it up; no other order for its shares before it is given up    |
| protect  | none, or over             | place, unless something bars it; then the server's stop is alone   |
| protect  | resting                   | move it, where the stop is worth a step and it has moves left      |
| protect  | triggered, open           | follow it: it sells                                                |
| sell     | resting, triggered        | change it to a market order, at most three times; else cancel it   |
| sell     | resting at or above the   | the same 300 ms later: the exchange may trigger it first           |
|          | price that acts           |                                                                    |
| sell     | open at the market        | follow it; where it rests too long, cancel it                      |
| sell     | over, or none             | sell what the book proves unsold, at the market                    |
| release  | any that can trade        | cancel, and follow it to its end                                   |
| any      | (the broker is away)      | wait; the order lies there all the same                            |
| any      | (the store is away)       | change to a market order, cancel, follow: no right is needed for   |
|          |                           | these; place and move nothing                                      |

What bars a stop from being placed (`Bar`): the user cancelled or changed it by hand, and has not said since
that they want it again; the exchange has swept the stops of the day; its prices; a pause after it was taken
away or refused; or it was placed too often.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from domain.order import OrderStatus
from domain.protected_exit import (
    Action,
    Aim,
    Bar,
    Call,
    Cancel,
    Done,
    Follow,
    LookUp,
    Modify,
    Place,
    ProtectedExit,
    Read,
    SellRest,
    ToMarket,
    Wait,
)
from domain.refusal import LAST_PAUSE, PAUSES
from domain.resting_facts import Ended
from domain.resting_stop import (
    ASKED_AGAIN,
    RestingOrder,
    Slice,
    may_become_market,
    may_turn_up,
    moves_left,
    sold,
)
from domain.stop_prices import is_worth_moving

EXCHANGE_FIRST = timedelta(milliseconds=300)
"""In which the exchange may trigger a resting stop before the product's own stop changes it to the market."""
LOOK_SOON = timedelta(milliseconds=150)
LOOK_EVERY = timedelta(seconds=1)
LOOK_RESTING = timedelta(minutes=1)
"""How often the book is read while an order rests and no update of it has come."""
GATHERED = timedelta(milliseconds=500)
"""Between two placements while the entry is still being filled: a slice for each fill would be many."""
SLICES_WHILE_FILLING = 8
"""Later fills wait for the end of the entry, under the server's stop, once there are so many slices."""
PLACED = 6
"""How often a slice's stop is placed in all: the tags of a leg are 31."""
TAKEN_PAUSE = timedelta(seconds=5)
"""Before a stop that the exchange took away is placed again."""


def next_action(exit: ProtectedExit, now: datetime) -> Action:
    """Return the one thing to do about an exit."""
    if not exit.reachable:
        return _done(exit) if exit.over else Wait(Bar.BROKER)
    if exit.aim is Aim.SELL and exit.account is None and exit.patient and exit.unsold and not exit.over:
        return Read()
    looks: list[datetime] = []
    surplus = _surplus(exit)
    for order in (*surplus, *(order for order in _open(exit) if order not in surplus)):
        step = _step(exit, order, now, cancelled=exit.aim is Aim.RELEASE or order in surplus)
        if not isinstance(step, datetime):
            return step
        looks.append(step)
    placing = _placing(exit, now)
    if isinstance(placing, Call | Read):
        return placing
    return _waiting(exit, now, looks, placing)


def absent_after(exit: ProtectedExit) -> timedelta:
    """Return how long an unanswered attempt is looked up before it may be given up (`LookUp`).

    A sale is in a hurry: 20 s, and only where both of the broker's books explain each other, as for any other
    exit. Another stop is not: until 120 s the server's stands alone.
    """
    return exit.horizons.exit_resend if exit.aim is Aim.SELL else exit.horizons.entry


def bar(exit: ProtectedExit, now: datetime) -> Wait | None:
    """Return what bars a stop from being placed now, and until when; None where nothing does."""
    orders = [order for orders in exit.slices for order in orders]
    by_hand = any(order.ended is Ended.HAND or order.changed_by_hand for order in orders)
    if by_hand and not exit.asked_again:
        return Wait(Bar.HAND)
    if exit.swept or any(order.ended is Ended.SWEPT for order in orders):
        return Wait(Bar.SWEPT)
    if exit.stop is None:
        return Wait(Bar.PRICE)
    if not exit.may_write:
        return Wait(Bar.STORE)
    return _paused(exit, now) or _while_filling(exit, now)


def protection(exit: ProtectedExit, now: datetime) -> Bar | None:
    """Return why the server's stop is alone for some of the shares; None where the exchange has all of them.

    Only what the order book has shown to wait for its trigger counts.
    """
    resting = sum(order.may_trade for order in _open(exit) if order.seen is not None and order.seen.waiting)
    if resting >= exit.allowed:
        return None
    barred = bar(exit, now) if exit.reachable else Wait(Bar.BROKER)
    if barred is None and _next_attempt(exit.slices)[1] > PLACED:
        return Bar.TOO_OFTEN
    return Bar.PLACING if barred is None else barred.why


def _while_filling(exit: ProtectedExit, now: datetime) -> Wait | None:
    """Return what bars the stop of a later fill: while fills come, one is placed for several of them."""
    if not exit.entry_open or not exit.slices:
        return None
    if len(exit.slices) >= SLICES_WHILE_FILLING:
        return Wait(Bar.FILLING)
    placed = [order.attempt.sent_at for orders in exit.slices for order in orders if order.attempt.sent_at]
    ready = max(placed, default=now - GATHERED) + GATHERED
    return Wait(Bar.FILLING, ready) if ready > now else None


def _again_at(orders: Slice, *, resting: bool) -> datetime | None:
    """Return from when on a slice may have another attempt, by how its last ones ended; None: at once.

    A sale does not wait where the exchange has taken a stop away, only where it was refused.
    """
    last = orders[-1]
    if last.ended in (Ended.OUT_OF_RANGE, Ended.SELF_TRADE, Ended.OTHER):
        return last.ended_at + TAKEN_PAUSE if resting and last.ended_at is not None else None
    refused = 0
    for order in reversed(orders):
        if order.attempt.status not in (OrderStatus.REJECTED, OrderStatus.NOT_PLACED):
            break
        refused += 1
    if not refused or last.attempt.sent_at is None:
        return None
    return last.attempt.sent_at + (PAUSES[refused - 1] if refused <= len(PAUSES) else LAST_PAUSE)


def _paused(exit: ProtectedExit, now: datetime) -> Wait | None:
    times = [_again_at(orders, resting=exit.aim is Aim.PROTECT) for orders in exit.slices if orders]
    latest = max((at for at in times if at is not None), default=now)
    return Wait(Bar.PAUSE, latest) if latest > now else None


def _open(exit: ProtectedExit) -> Iterator[RestingOrder]:
    return (order for orders in exit.slices for order in orders if order.is_open)


def _unanswered(exit: ProtectedExit) -> tuple[RestingOrder, ...]:
    return tuple(order for orders in exit.slices for order in orders if order.is_unanswered)


def _surplus(exit: ProtectedExit) -> Sequence[RestingOrder]:
    """Return the open orders for which no share is left, newest first; one in doubt counts as open."""
    left = exit.allowed - sum(order.may_trade for order in _unanswered(exit))
    surplus = []
    for order in _open(exit):
        if order.may_trade > left:
            surplus.append(order)
        else:
            left -= order.may_trade
    return surplus[::-1]


def _step(exit: ProtectedExit, order: RestingOrder, now: datetime, *, cancelled: bool) -> Call | datetime:
    """Return what is asked of an open order, or when the book is read next for it."""
    if cancelled or (exit.aim is Aim.SELL and order.cancel_asked_at is not None):
        return _cancelling(order, now)
    if exit.aim is Aim.SELL:
        return _to_market(exit, order, now)
    return _moving(exit, order, now)


def _cancelling(order: RestingOrder, now: datetime) -> Call | datetime:
    return _look_after(order.cancel_asked_at, order, now) if order.cancel_pending() else Cancel(order)


def _to_market(exit: ProtectedExit, order: RestingOrder, now: datetime) -> Call | datetime:
    change = order.change
    asked_at = change.asked_at if change is not None and change.trigger is None else None
    if order.at_market:
        begun = max(at for at in (exit.since, asked_at, order.attempt.sent_at) if at is not None)
        return _cancelling(order, now) if now - begun >= exit.fill_within else _look_after(begun, order, now)
    if asked_at is not None and order.change_pending(now):
        return _look_after(asked_at, order, now)
    if _may_trigger(exit, order) and now < exit.since + EXCHANGE_FIRST:
        return exit.since + EXCHANGE_FIRST
    return ToMarket(order, order.changes + 1) if may_become_market(order) else _cancelling(order, now)


def _may_trigger(exit: ProtectedExit, order: RestingOrder) -> bool:
    """Tell whether the price that acts triggers the order at the exchange, as far as the book has shown."""
    seen = order.seen
    if exit.acting is None or seen is None or seen.trigger is None or not seen.waiting:
        return False
    return exit.acting <= seen.trigger


def _moving(exit: ProtectedExit, order: RestingOrder, now: datetime) -> Call | datetime:
    seen, stop, change = order.seen, exit.stop, order.change
    if order.cancel_pending():
        return _look_after(order.cancel_asked_at, order, now)
    if change is not None and order.change_pending(now):
        return _look_after(change.asked_at, order, now)
    if seen is None or order.at_market or not seen.waiting or seen.trigger is None:
        return _look_after(order.attempt.sent_at, order, now)
    may_move = exit.may_write and moves_left(order) and not order.changed_by_hand
    if may_move and stop is not None and is_worth_moving(seen.trigger, stop.trigger, exit.tick):
        return Modify(order, order.changes + 1, stop)
    return seen.read_at + LOOK_RESTING


def _look_after(asked_at: datetime | None, order: RestingOrder, now: datetime) -> datetime:
    """Return when the book is read next: soon after something was asked for, then each second."""
    seen = order.seen
    if asked_at is not None and (seen is None or seen.read_at < asked_at + LOOK_SOON):
        return asked_at + LOOK_SOON
    return now if seen is None else seen.read_at + LOOK_EVERY


def _placing(exit: ProtectedExit, now: datetime) -> Call | Read | Wait | None:
    """Return what is done about shares that no order may sell yet; None where there are none."""
    if exit.aim is Aim.RELEASE or exit.over or exit.uncovered <= 0:
        return None
    barred = bar(exit, now) if exit.aim is Aim.PROTECT else _bar_of_sale(exit, now)
    if barred is not None:
        return barred
    if exit.account is None and exit.aim is Aim.PROTECT:
        return Read() if exit.patient else Wait(Bar.UNREAD, now + LOOK_EVERY)
    at, number = _next_attempt(exit.slices)
    quantity = exit.uncovered if exit.most is None else min(exit.uncovered, exit.most)
    if exit.aim is Aim.SELL or exit.stop is None:
        return SellRest(at, number, quantity)
    return Place(at, number, quantity, exit.stop) if number <= PLACED else Wait(Bar.TOO_OFTEN)


def _bar_of_sale(exit: ProtectedExit, now: datetime) -> Wait | None:
    return _paused(exit, now) if exit.may_write else Wait(Bar.STORE)


def _next_attempt(slices: Sequence[Slice]) -> tuple[int, int]:
    """Return slice of the next attempt and which of the slice it is: one that is planned, else of a slice
    that cannot trade.
    """
    for at, orders in enumerate(slices):
        if orders and orders[-1].attempt.status is OrderStatus.PLANNED:
            return at, len(orders)
    for at, orders in enumerate(slices):
        can_trade = any(order.is_open or order.is_unanswered for order in orders)
        if orders and not can_trade and orders[-1].attempt.status is not OrderStatus.COMPLETE:
            return at, len(orders) + 1
    return len(slices), 1


def _waiting(exit: ProtectedExit, now: datetime, looks: Sequence[datetime], placing: Wait | None) -> Action:
    """Return how to wait for what was asked for; `Done` where nothing is left to wait for."""
    unanswered = _unanswered(exit)
    if unanswered:
        return LookUp(unanswered, _look_up_at(unanswered, now))
    if looks:
        waits = [] if placing is None or placing.at is None else [placing.at]
        return Follow(min((*looks, *waits)))
    if placing is not None:
        return placing
    given_up = tuple(o for orders in exit.slices for o in orders if may_turn_up(o, now, exit.horizons))
    return LookUp(given_up, now + LOOK_EVERY) if given_up and not exit.over else _done(exit)


def _look_up_at(orders: Sequence[RestingOrder], now: datetime) -> datetime:
    sent = [order.attempt.sent_at for order in orders if order.attempt.sent_at is not None]
    return now + (LOOK_SOON if sent and now - max(sent) < ASKED_AGAIN else LOOK_EVERY)


def _done(exit: ProtectedExit) -> Done:
    return Done(sold(exit.slices), exit.unsold)
