"""An order: the intent that is written before it is sent, and the life it has at the broker."""

import base64
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from uuid import UUID

from domain.errors import IllegalMove
from domain.refusal import Refusal
from domain.resting_facts import RestingFacts
from domain.stop_prices import StopPrices
from domain.strategy import Outcome, Product

TAG_LENGTH = 20
"""Kite refuses longer tags (it does not cut them); letters and digits only are documented as safe."""


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class Leg(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"

    @property
    def side(self) -> Side:
        return Side.BUY if self is Leg.ENTRY else Side.SELL


class Reason(StrEnum):
    """Why an order was sent. `STOP` covers STOP, cancellation and the reconciler."""

    BUY = "BUY"
    SELL = "SELL"
    STOPLOSS = "STOPLOSS"
    TARGET = "TARGET"
    STOP = "STOP"

    @property
    def by_price(self) -> bool:
        """Tell whether a price is the reason: it may be another one in a moment."""
        return self in (Reason.STOPLOSS, Reason.TARGET)

    @property
    def outcome(self) -> Outcome:
        """The outcome of a day that is sold for it. Raises `KeyError` for `BUY`."""
        return _OUTCOMES[self]


_OUTCOMES = {
    Reason.SELL: Outcome.SOLD,
    Reason.STOPLOSS: Outcome.STOP_LOSS,
    Reason.TARGET: Outcome.TARGET,
    Reason.STOP: Outcome.STOPPED,
}


class OrderStatus(StrEnum):
    PLANNED = "planned"
    """The intent is written; no caller has claimed the right to send it."""
    SENT = "sent"
    """Claimed. Whatever happened since, it counts as sent and its answer as unknown."""
    OPEN = "open"
    """The broker knows it and it is not over: any status but the three final ones."""
    COMPLETE = "complete"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    NOT_PLACED = "not_placed"
    """Proven never to have become an order at the broker."""
    ABSENT = "absent"
    """Sent, never answered, and not in the order book when its horizon had passed."""


class OrderEvent(StrEnum):
    CLAIM = "claim"
    SEE_OPEN = "see_open"
    SEE_COMPLETE = "see_complete"
    SEE_CANCELLED = "see_cancelled"
    SEE_REJECTED = "see_rejected"
    PROVE_NOT_PLACED = "prove_not_placed"
    GIVE_UP_LOOKING = "give_up_looking"


_SEEN = {
    OrderEvent.SEE_OPEN: OrderStatus.OPEN,
    OrderEvent.SEE_COMPLETE: OrderStatus.COMPLETE,
    OrderEvent.SEE_CANCELLED: OrderStatus.CANCELLED,
    OrderEvent.SEE_REJECTED: OrderStatus.REJECTED,
}
_STATES: dict[tuple[OrderStatus, OrderEvent], OrderStatus] = {
    (OrderStatus.PLANNED, OrderEvent.CLAIM): OrderStatus.SENT,
    (OrderStatus.PLANNED, OrderEvent.PROVE_NOT_PLACED): OrderStatus.NOT_PLACED,  # denied before the claim
    (OrderStatus.SENT, OrderEvent.PROVE_NOT_PLACED): OrderStatus.NOT_PLACED,
    (OrderStatus.SENT, OrderEvent.GIVE_UP_LOOKING): OrderStatus.ABSENT,
    **{(OrderStatus.SENT, event): seen for event, seen in _SEEN.items()},
    **{(OrderStatus.OPEN, event): seen for event, seen in _SEEN.items()},
    # Late visibility: orders were seen up to 90 s after an error that looked final (Kite forum, 2022).
    **{(OrderStatus.ABSENT, event): seen for event, seen in _SEEN.items()},
    # A person has looked, at the broker itself, and vouches for it.
    (OrderStatus.ABSENT, OrderEvent.PROVE_NOT_PLACED): OrderStatus.NOT_PLACED,
    # A refusal that was an order after all (HTTP 400 "timed out", placed 8 s later) must still be owned.
    **{(OrderStatus.NOT_PLACED, event): seen for event, seen in _SEEN.items()},
}
FINAL = frozenset({OrderStatus.COMPLETE, OrderStatus.CANCELLED, OrderStatus.REJECTED})
"""What the broker will not change any more."""


def next_status(status: OrderStatus, event: OrderEvent) -> OrderStatus:
    """Return the status after `event`; a final status seen again stays. Raises `IllegalMove`."""
    if status in FINAL and _SEEN.get(event) in (status, OrderStatus.OPEN):
        return status  # order updates arrive late, twice and out of order
    try:
        return _STATES[status, event]
    except KeyError:
        raise IllegalMove(f"an order that is {status} cannot {event}") from None


CLAIM_LASTS = timedelta(seconds=2)
"""How long after its claim the claimer may call the broker (design section 4, rule 2)."""
EARLIEST = timedelta(seconds=2)
"""How long before its instant an order may be claimed."""
LEAVE_WITHIN = 1.0
"""Seconds in which an order leaves or never does, where the caller does not say. It is asked for at most 2 s
after its claim, and 3 s after a claim others rely on nothing more being sent under it."""
CALL_DEADLINE = 5.0
"""Seconds one order call may take in all; then its outcome is unknown. Kite's client waits 7 s per read."""

_TAG_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


def is_foreign(tags: Collection[str]) -> bool:
    """Tell whether an order with these tags is not this product's, by the form of the tags."""
    return not any(len(tag) == TAG_LENGTH and _TAG_LETTERS.issuperset(tag) for tag in tags)


OFF_BOOKS_BLOCK = 1000
"""Attempts that were sent without a store are numbered 1000, 2000, …; ordinary ones count on between them."""
NUMBERS = tuple(block * OFF_BOOKS_BLOCK + number for block in range(21) for number in range(31))
"""Attempts whose tags are looked for where the store cannot say which there are."""


def off_books_number(tries: int) -> int:
    """Return the number of the attempt after `tries` without the store.

    Ordinary attempts count on from the newest, so each try begins a block of its own: a number that both
    came to was one tag for two orders (found by the chaos run).
    """
    return OFF_BOOKS_BLOCK * (tries + 1)


@dataclass(frozen=True, slots=True)
class LegKey:
    """One leg of one round of one trading day. A round is one START of that day."""

    strategy_id: UUID
    user_id: UUID
    trading_day: date
    round: int
    leg: Leg

    def tag(self, attempt: int) -> str:
        """Return the broker tag of an attempt: known from the key alone, so without any database."""
        words = f"{self.strategy_id}|{self.trading_day.isoformat()}|{self.round}|{self.leg}|{attempt}"
        return base64.b32encode(hashlib.sha256(words.encode()).digest())[:TAG_LENGTH].decode()

    def numbers(self) -> Mapping[str, int]:
        """Return every tag this leg may have sent under, with the attempt's number: some 650, so keep it.

        Measured: 3 ms. Computed anew at each look, it was 40 % of the time of a sale without Postgres.
        """
        return _numbers(self)


@lru_cache(maxsize=64)
def _numbers(key: LegKey) -> Mapping[str, int]:
    return MappingProxyType({key.tag(number): number for number in NUMBERS})


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """What an order of this strategy always says, whatever its attempt."""

    exchange: str
    symbol: str
    product: Product
    account: str = ""
    """The broker account it belongs to (`zerodha:AB1234`): its START's; empty, of an older build: any."""
    most: int | None = None
    """The most shares in one order (`domain.freeze`): what is above it goes out as several, one after the
    other. None: no bound."""
    protected: bool = False
    """A stop for its shares is to rest at the exchange, and is their sale (`domain.protected_step`)."""

    def slice_of(self, quantity: int) -> int:
        """Return how many of so many shares the next order has."""
        return quantity if self.most is None else min(quantity, self.most)

    @property
    def instrument(self) -> str:
        return f"{self.exchange}:{self.symbol}"


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """One order as the broker is asked for it: at the market, at a limit of `price` rupees, or as a stop."""

    terms: OrderTerms
    side: Side
    quantity: int
    tag: str
    price: Decimal | None = None
    stop: StopPrices | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """The price of a LIMIT order, and the highest that it may be changed to."""

    price: Decimal
    ceiling: Decimal


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a LIMIT order's price that was asked for: the n-th of its order, counted from 1."""

    number: int
    price: Decimal
    asked_at: datetime
    made: int = 0
    """How many of the order's changes its order book has shown: an answer proves none of them."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One intent to send a leg's order: a row that exists before the broker hears of it.

    `quantity` and `sent_at` are None until it is claimed; `average_price` is None until a share is filled.
    """

    order_id: UUID
    key: LegKey
    attempt: int
    tag: str
    status: OrderStatus
    reason: Reason | None = None
    quantity: int | None = None
    filled_quantity: int = 0
    average_price: Decimal | None = None
    broker_order_id: str | None = None
    due_at: datetime | None = None
    sent_at: datetime | None = None
    send_before: datetime | None = None
    acknowledged_at: datetime | None = None
    message: str = ""
    armed: bool = False
    """A worker holds it for its instant; any worker may send it then."""
    verdict: Outcome | None = None
    """Why it was decided that this leg sends nothing more; None while that is open."""
    refusal: Refusal | None = None
    """What kept the broker from taking it; None where nothing did, or it is not known to have."""
    limit: Limit | None = None
    """Of a LIMIT order: as it was sent, or as the order book last showed it. None at the market."""
    move: Move | None = None
    """The last change of its price that was asked for, whatever came of it."""
    slice: int = 0
    """Of a protected sale: in which row of attempts it is (`domain.resting_stop`)."""
    resting: RestingFacts | None = None
    """Of an order that was sent as a stop; None at the market."""
    protected: bool = False
    """As its terms say."""

    @property
    def over(self) -> bool:
        """Nothing more is expected of it: final at the broker, or never there."""
        return self.status in FINAL or self.status in (OrderStatus.NOT_PLACED, OrderStatus.ABSENT)


@dataclass(frozen=True, slots=True)
class BrokerOrder:
    """One row of the broker's order book, in our words. `status` is OPEN or one of `FINAL`.

    One with the product's tag is followed although its number cannot be read (empty), or its side (None).
    """

    broker_order_id: str
    tags: frozenset[str]
    exchange: str
    symbol: str
    product: str
    side: Side | None
    quantity: int
    filled_quantity: int
    average_price: Decimal | None
    status: OrderStatus
    message: str = ""
    refusal: Refusal | None = None
    """Of a rejected order."""
    order_type: str = ""
    price: Decimal | None = None
    """Its limit; None where it has none, or none that can be read."""
    updated_at: datetime | None = field(default=None, compare=False)
    """When it last changed, to the second; None where that cannot be read."""
    trigger: Decimal | None = None
    """Of a stop; None where it has none, or none that can be read."""
    waiting: bool = False
    """A stop that the exchange has not triggered yet."""

    @property
    def event(self) -> OrderEvent:
        return {seen: event for event, seen in _SEEN.items()}[self.status]

    @property
    def open_quantity(self) -> int:
        """What may still fill. Kite does not zero `pending_quantity` on a cancel, so it is derived."""
        return 0 if self.status in FINAL else self.quantity - self.filled_quantity


@dataclass(frozen=True, slots=True)
class BrokerPosition:
    """One row of the broker's position book for one symbol and product (signed net quantity)."""

    exchange: str
    symbol: str
    product: str
    quantity: int
    day_buy_quantity: int
    day_sell_quantity: int
