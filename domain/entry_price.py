"""The prices of an entry that is bought by a LIMIT order: its first one, and what it is changed to. No I/O.

A chase, as a table. *Wanted* is the last price and `buffer`, down to the tick, and never above the *ceiling*:
the price at buy_time and `most`.

| the order rests at            | its last change      | what is done                                        |
|-------------------------------|----------------------|-----------------------------------------------------|
| less than wanted              | none, or shown, and  | ask for wanted, as the next of at most `MOVES`      |
|                               | `MOVE_EVERY` ago     |                                                     |
| less than wanted              | asked, not shown     | wait `UNSHOWN` for the book, then ask for wanted    |
| less than wanted              | the last of `MOVES`  | nothing: it rests where it is                       |
| wanted or more                | any                  | nothing: a price that falls fills it                |
| a price that cannot be read   | any                  | nothing: the next look may show it                  |
| (complete, cancelled, refused)| any                  | nothing: it is over                                 |

An answer to a change proves nothing, a lost one neither: the order book says at what price the order rests.
Of changes to the same price that it shows, the newest was made: those before it were waited for in vain.
A change carries a price and no quantity, so none of it can buy more shares; and there is one order, whose
price changes: never two that are alive. Whatever is lost, late or doubled, its price is at most the ceiling.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from domain.money import tick_below
from domain.order import Attempt, BrokerOrder, Limit
from domain.terms import Distance, Entry, EntryKind

NO_LIMIT = "no limit on the symbol's tick is above zero at this price"
MOVES = 20
"""Changes of one order's price at the most; the broker takes 25 (Kite: "Maximum allowed order modifications
exceeded"), the user's own among them."""
MOVE_EVERY = timedelta(seconds=1)
"""How long at least between two changes: the account's orders of a second are few."""
UNSHOWN = timedelta(seconds=3)
"""How long a change that the order book does not show is waited for."""
BEFORE_SALE = timedelta(seconds=10)
"""How long before sell_at an entry's order is cancelled: what was filled of it is sold at sell_at."""


def first_limit(entry: Entry, last: Decimal, tick: Decimal | None) -> Limit | None:
    """Return at what an entry is sent; None where no price on the tick is above zero.

    `last`: the price at buy_time.
    """
    if entry.kind is EntryKind.LIMIT:
        return None if entry.price is None else _at_most(entry.price, tick)
    ceiling = tick_below(last + _of(entry.most, last), tick)
    price = min(ceiling, tick_below(last + _of(entry.buffer, last), tick))
    return Limit(price, ceiling) if price > 0 else None


def _at_most(price: Decimal, tick: Decimal | None) -> Limit | None:
    price = tick_below(price, tick)
    return Limit(price, price) if price > 0 else None


def may_move(entry: Entry, attempt: Attempt, row: BrokerOrder, now: datetime) -> bool:
    """Tell whether a resting order's price may be changed now: only then is the last price asked for."""
    if entry.kind is not EntryKind.CHASE or attempt.limit is None or row.price is None:
        return False
    if row.price >= attempt.limit.ceiling:
        return False
    move = attempt.move
    if move is None:
        return True
    pause = MOVE_EVERY if row.price >= move.price else UNSHOWN
    return move.number < MOVES and now - move.asked_at >= pause


def next_price(
    entry: Entry, attempt: Attempt, row: BrokerOrder, last: Decimal, tick: Decimal | None
) -> Decimal | None:
    """Return the price that a resting order is changed to; None where it is left as it is."""
    if attempt.limit is None or row.price is None:
        return None
    wanted = min(attempt.limit.ceiling, tick_below(last + _of(entry.buffer, last), tick))
    return wanted if wanted > row.price else None


def newest_to(price: Decimal, asked: Sequence[Decimal]) -> int | None:
    """Return which of the changes `asked` for, oldest first, is proven by an order book that shows `price`.

    None where none of them is.
    """
    return max((at for at, wanted in enumerate(asked) if wanted == price), default=None)


def rests_until(entry: Entry, sent_at: datetime, sell_at: datetime | None) -> datetime:
    """Return when an open order is cancelled: `for_seconds` after it was sent, and before the sale is due."""
    until = sent_at + timedelta(seconds=entry.for_seconds)
    return until if sell_at is None else min(until, sell_at - BEFORE_SALE)


def _of(distance: Distance | None, price: Decimal) -> Decimal:
    return Decimal(0) if distance is None else distance.of(price)
