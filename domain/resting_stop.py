"""Describes an exit whose stop rests at the exchange: its orders, slice by slice, and the state each is in.

A *slice* is a row of attempts of the exit leg of which at most one can trade at a time; slices trade side by
side. An exit has one slice for each order that the freeze quantity asks for, and one for shares that were
filled after a slice's order was placed. What is in the attempts and in `Seen` comes from the order book
alone: an answer to a change proves nothing, and a lost one neither.

| state       | what the order book, and what was asked for, show                                      |
|-------------|----------------------------------------------------------------------------------------|
| none        | no attempt                                                                             |
| placing     | an intent is written, or its order was sent and has no answer yet                      |
| in doubt    | sent, not answered in time, and not in the order book; or given up less than 120 s ago |
| resting     | it waits for its trigger                                                               |
| modifying   | a change was asked for, and the order book does not show it yet                        |
| cancelling  | a cancellation was asked for, and the order book does not show it yet                  |
| triggered   | the exchange has triggered it: it is open at its own limit                             |
| open        | it is open at the market                                                               |
| complete    | everything is sold                                                                     |
| cancelled   | by the product's own cancellation                                                      |
| taken       | cancelled by the exchange, or by the user; `Ended` says why                            |
| rejected    | it was refused, before or after it had an order id                                     |
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.entry_price import MOVES
from domain.leg import Horizons
from domain.order import CALL_DEADLINE, Attempt, BrokerOrder, OrderStatus
from domain.resting_facts import Change, Ended
from domain.session import EXCHANGE_ZONE
from domain.stop_prices import OrderKind

CHANGES = 25
"""Modifications of one order that Kite takes. At most `MOVES` move its trigger; the rest are the exit's."""
MARKET_TRIES = 3
"""How often an order is asked to become a market order before it is cancelled instead."""
ALL_THERE_IS = 10**9
"""How many shares an order of unknown quantity may sell."""
ASKED_AGAIN = timedelta(seconds=1)
"""A look at the order book so long after a change was asked for shows it, or the change is lost."""
ANSWERED = timedelta(seconds=CALL_DEADLINE)
"""A placement that has no answer by then has none."""


class State(StrEnum):
    """The state of a slice's newest order, as in the table above."""

    NONE = "none"
    PLACING = "placing"
    IN_DOUBT = "in doubt"
    RESTING = "resting"
    MODIFYING = "modifying"
    CANCELLING = "cancelling"
    TRIGGERED = "triggered"
    OPEN = "open"
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    TAKEN = "taken"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the order book showed of an open order when it was last read."""

    kind: OrderKind
    waiting: bool
    """It waits for its trigger, or has not reached the exchange yet."""
    trigger: Decimal | None
    quantity: int
    read_at: datetime

    @property
    def at_market(self) -> bool:
        """A protected market order is a LIMIT in the book; a stop is neither before it is changed."""
        return self.kind in (OrderKind.MARKET, OrderKind.LIMIT)


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """One attempt of a slice, and what is known of its order.

    `triggers`: all that were asked for, with the first; empty for an order that was sent at the market.
    `market_tries`: how often it was asked to become a market order. `used_up`: the broker has said that it
    takes no more modifications of it.
    """

    attempt: Attempt
    triggers: tuple[Decimal, ...] = ()
    seen: Seen | None = None
    change: Change | None = None
    market_tries: int = 0
    used_up: bool = False
    cancel_asked_at: datetime | None = None
    ended: Ended | None = None
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """The broker has it, and it can trade."""
        return self.attempt.status is OrderStatus.OPEN

    @property
    def is_unanswered(self) -> bool:
        return self.attempt.status is OrderStatus.SENT

    @property
    def may_trade(self) -> int:
        """Return how many shares it may still sell, as far as nothing proves that it cannot."""
        if not (self.is_open or self.is_unanswered):
            return 0
        quantity = self.attempt.quantity if self.seen is None else self.seen.quantity
        return ALL_THERE_IS if quantity is None else quantity - self.attempt.filled_quantity

    @property
    def at_market(self) -> bool:
        """It trades at whatever price there is, as far as the book has shown."""
        return not self.triggers if self.seen is None else self.seen.at_market

    @property
    def changes(self) -> int:
        """Return how many modifications were asked for, whatever came of them."""
        return 0 if self.change is None else self.change.number

    @property
    def changed_by_hand(self) -> bool:
        """Tell whether the book shows a trigger or a quantity that was never asked for."""
        seen = self.seen
        if seen is None or not self.is_open:
            return False
        foreign = bool(seen.trigger and self.triggers and seen.trigger not in self.triggers)
        return foreign or seen.quantity != self.attempt.quantity

    def change_pending(self, now: datetime) -> bool:
        """Tell whether a change that was asked for may still come about, as far as the book has shown."""
        change, seen = self.change, self.seen
        if change is None:
            return False
        if seen is None:
            return now - change.asked_at < ASKED_AGAIN
        if seen.at_market if change.trigger is None else seen.trigger == change.trigger:
            return False
        failed = change.refused and seen.read_at > change.asked_at
        return not failed and seen.read_at - change.asked_at < ASKED_AGAIN

    def cancel_pending(self) -> bool:
        """Tell whether a cancellation that was asked for may still come about."""
        asked, seen = self.cancel_asked_at, self.seen
        return asked is not None and (seen is None or seen.read_at - asked < ASKED_AGAIN)


Slice = tuple[RestingOrder, ...]
"""The attempts of one slice, oldest first."""


def slices_of(attempts: Iterable[Attempt], seen: Mapping[UUID, Seen]) -> tuple[Slice, ...]:
    """Return a leg's attempts by slices, with what the order book showed of each, by its order's id."""
    slices: defaultdict[int, list[RestingOrder]] = defaultdict(list)
    for attempt in attempts:
        slices[attempt.slice].append(resting_of(attempt, seen.get(attempt.order_id)))
    return tuple(tuple(slices[number]) for number in sorted(slices))


def resting_of(attempt: Attempt, seen: Seen | None) -> RestingOrder:
    """Return an attempt with what is known of its order; one that was sent at the market has no trigger."""
    facts = attempt.resting
    if facts is None:
        return RestingOrder(attempt, seen=seen)
    return RestingOrder(
        attempt,
        facts.triggers,
        seen,
        facts.change,
        facts.market_tries,
        facts.used_up,
        facts.cancel_asked_at,
        facts.ended,
        facts.ended_at,
    )


def state_of(orders: Sequence[RestingOrder], now: datetime, horizons: Horizons) -> State:
    """Return the state of a slice, by its newest attempt."""
    if not orders:
        return State.NONE
    newest = orders[-1]
    status, sent_at = newest.attempt.status, newest.attempt.sent_at
    if status is OrderStatus.OPEN:
        return _state_of_open(newest, now)
    match status:
        case OrderStatus.COMPLETE:
            return State.COMPLETE
        case OrderStatus.CANCELLED:
            return State.CANCELLED if newest.ended in (None, Ended.ASKED) else State.TAKEN
        case OrderStatus.SENT if sent_at is not None and now - sent_at >= ANSWERED:
            return State.IN_DOUBT
        case OrderStatus.PLANNED | OrderStatus.SENT:
            return State.PLACING
        case OrderStatus.ABSENT if may_turn_up(newest, now, horizons):
            return State.IN_DOUBT
        case _:
            return State.REJECTED


def _state_of_open(order: RestingOrder, now: datetime) -> State:
    if order.cancel_asked_at is not None:
        return State.CANCELLING
    if order.change_pending(now):
        return State.MODIFYING
    if order.at_market:
        return State.OPEN
    return State.RESTING if order.seen is None or order.seen.waiting else State.TRIGGERED


def may_turn_up(order: RestingOrder, now: datetime, horizons: Horizons) -> bool:
    """Tell whether an order that was given up may still be found: orders were seen 90 s after their call."""
    sent_at = order.attempt.sent_at
    given_up = order.attempt.status is OrderStatus.ABSENT
    return given_up and sent_at is not None and now - sent_at < horizons.entry


def why_ended(message: str, asked: bool, swept: bool) -> Ended:
    """Return why an order was cancelled.

    `asked`: by the product. `swept`: at or after the moment at which the exchange cancels all stops of the
    share; its words are not known. A cancellation by the user leaves no message.
    """
    words = message.lower()
    if "17070" in words:
        return Ended.OUT_OF_RANGE
    if "self trade" in words or "self-trade" in words:
        return Ended.SELF_TRADE
    if asked:
        return Ended.ASKED
    if swept:
        return Ended.SWEPT
    return Ended.OTHER if words else Ended.HAND


SWEEP = time(15, 15)
"""Since 2026-08-03 the exchange cancels all stops of shares with a closing auction then."""


def is_swept(exchange: str, now: datetime) -> bool:
    """Tell whether an order that was not cancelled by the product may have been swept."""
    return exchange in ("NSE", "BSE") and now.astimezone(EXCHANGE_ZONE).time() >= SWEEP


def seen_in(row: BrokerOrder, read_at: datetime) -> Seen:
    """Return what a row of the order book shows of an open order.

    An order type that is not known is told by its trigger: one that has none trades at once.
    """
    known = row.order_type in set(OrderKind)
    kind = OrderKind(row.order_type) if known else OrderKind.SL if row.trigger else OrderKind.LIMIT
    return Seen(kind, row.waiting, row.trigger, row.quantity, read_at)


def sold(slices: Iterable[Slice]) -> int:
    """Return how many shares the orders have sold, as far as the order book has shown."""
    return sum(order.attempt.filled_quantity for orders in slices for order in orders)


def may_trade(slices: Iterable[Slice]) -> int:
    """Return how many shares the orders may still sell, where nothing proves that they cannot."""
    return sum(order.may_trade for orders in slices for order in orders)


def moves_left(order: RestingOrder) -> int:
    """Return how often the trigger of an order may still be moved."""
    return 0 if order.used_up else max(0, MOVES - order.changes)


def may_become_market(order: RestingOrder) -> bool:
    """Tell whether an order can be asked to become a market order once more."""
    return not order.used_up and order.changes < CHANGES and order.market_tries < MARKET_TRIES
