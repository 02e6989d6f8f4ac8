"""Compares what a day's trades cost in the books with what the broker says they cost.

An account's trades in one symbol on one day are compared together, as they are settled together
(`domain.day_charges`). The broker is asked about each order as the books charge it: shares of CNC that were
bought and sold on the day as MIS. The two may differ by what rounding explains:

| part   | the books                       | the broker  | may differ by                      |
|--------|---------------------------------|-------------|------------------------------------|
| STT    | to the rupee, by symbol and day | unrounded   | half a rupee                       |
| stamp  | to the paisa                    | unconfirmed | a rupee for each order that bought |
| others | to the paisa                    | unrounded   | a paisa for each order, and one    |
| DP     | once by symbol and day          | left out    | left out of both                   |

What cannot be compared is unchecked: it neither agrees nor differs.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from decimal import Decimal
from uuid import UUID

from domain.books import charges_on, executed_on
from domain.broker_charges import BrokerCharges, ChargedOrder
from domain.charge_schedule import TradeKind
from domain.charges import NOTHING, Charges
from domain.day_charges import RUPEE, settled
from domain.finished_round import FinishedRound, RoundKey
from domain.money import PAISA, price_text
from domain.order import Side
from domain.run import Alarm
from domain.strategy import Product

EVENING = time(16, 0)
"""From this time of the exchange on rounds are checked: those of shares are over, and so are their fills."""
TRIES = 3
"""So often a round is tried that cannot be checked."""
AGAIN = timedelta(minutes=20)
"""Between two tries of a round."""
PARTS = ("brokerage", "stt", "exchange", "sebi", "stamp", "gst", "total")
_PRODUCTS = {TradeKind.DELIVERY: Product.CNC, TradeKind.INTRADAY: Product.MIS}


@dataclass(frozen=True, slots=True)
class AccountRounds:
    """The finished rounds of one account that traded on `day`; `unchecked` are those whose turn it is."""

    user_id: UUID
    account: str
    day: date
    rounds: tuple[FinishedRound, ...]
    unchecked: frozenset[RoundKey]


@dataclass(frozen=True, slots=True)
class SymbolRounds:
    """Those of one symbol, in the order in which they ended. `orders` are asked about, `booked` is known."""

    exchange: str
    symbol: str
    keys: frozenset[RoundKey]
    orders: tuple[ChargedOrder, ...]
    booked: Charges


@dataclass(frozen=True, slots=True)
class ChargeDifference:
    """A part of the charges in which books and broker differ, in rupees, without the depository's fee."""

    part: str
    booked: Decimal
    broker: Decimal


@dataclass(frozen=True, slots=True)
class Differing:
    """Where the two differ, and in which parts."""

    of: AccountRounds
    symbol: str
    differences: tuple[ChargeDifference, ...] = field(default=())


def to_check(of: AccountRounds) -> Iterator[SymbolRounds]:
    """Yield what can be checked of an account's day; not a symbol of which a price or rate is unknown."""
    together: defaultdict[tuple[str, str], list[FinishedRound]] = defaultdict(list)
    for found in sorted(of.rounds, key=lambda one: (one.ended_at, one.key)):
        together[found.share].append(found)
    for (exchange, symbol), group in together.items():
        keys = of.unchecked & {found.key for found in group}
        orders, booked = _orders(group, of.day), _booked(group, of.day)
        if keys and orders and booked is not None:
            yield SymbolRounds(exchange, symbol, keys, orders, booked)


def differences(
    booked: Charges, orders: Sequence[ChargedOrder], answers: Sequence[BrokerCharges]
) -> tuple[ChargeDifference, ...]:
    """Return the parts that differ by more than rounding explains, by the table above."""
    found = []
    slack = _slack(orders)
    for part in PARTS:
        ours = getattr(booked, part) - (booked.dp if part == "total" else NOTHING)
        theirs = sum((getattr(answer, part) for answer in answers), NOTHING)
        if abs(ours - theirs) > slack[part]:
            found.append(ChargeDifference(part, ours, theirs))
    return tuple(found)


def charges_alarm(differing: Differing) -> Alarm:
    """Return the operator's alarm for charges that the broker computes otherwise: the first of a day."""
    of = differing.of
    words = "; ".join(
        f"{one.part} {price_text(one.booked)} here, {price_text(one.broker)} at Zerodha"
        for one in differing.differences
    )
    return Alarm(
        "charges_differ",
        f"The charges of {of.day} in {differing.symbol} differ from the broker's own: {words} (rupees, "
        "without the depository's fee). The log names each symbol of the day that differs: see whether rates "
        "have changed (domain/charge_schedule.py).",
        data={one.part: f"{one.booked} {one.broker}" for one in differing.differences},
    )


def _slack(orders: Sequence[ChargedOrder]) -> dict[str, Decimal]:
    paise = PAISA * (len(orders) + 1)
    slack = dict.fromkeys(PARTS, paise)
    slack["stt"] += RUPEE / 2
    slack["stamp"] += RUPEE * sum(order.side is Side.BUY for order in orders)
    slack["total"] = sum((slack[part] for part in PARTS if part != "total"), NOTHING)
    return slack


def _orders(group: Sequence[FinishedRound], day: date) -> tuple[ChargedOrder, ...]:
    executed = [executed_on(found, day) for found in group]
    known = [orders for orders in executed if orders is not None]
    if len(known) < len(executed):
        return ()
    return tuple(
        ChargedOrder(
            found.exchange,
            found.symbol,
            _PRODUCTS.get(order.kind, found.product),
            order.side,
            order.quantity,
            order.price,
        )
        for found, orders in zip(group, settled(known), strict=True)
        for order in orders
    )


def _booked(group: Sequence[FinishedRound], day: date) -> Charges | None:
    """Return what the books have of the day for all rounds together; None where it is not known."""
    shares = [share for share in charges_on(group, day) if share is not None]
    if len(shares) < len(group) or not shares:
        return None
    rupees = {name: sum((getattr(share, name) for share in shares), NOTHING) for name in (*PARTS, "dp")}
    return Charges(**rupees, schedule=shares[0].schedule)
