"""Settles the charges of a day: of the rounds that one account made in one symbol on one trading day.

Three things show only there. Shares of CNC that were bought and sold on the day are charged as intraday. STT
is rounded to the rupee, half up. The depository is paid once, when shares were sold that the day did not buy.
The rounds share both: STT by what each owes of it, which is its taxed value times its rate, and the fee by
the value of what each sold from holdings; in paise, rounded down, the remainder to the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

from domain.charge_schedule import Schedule, TradeKind
from domain.charges import NOTHING, Charges, ExecutedOrder, charges_of
from domain.money import PAISA
from domain.order import Side

RUPEE = Decimal(1)
Round = Sequence[ExecutedOrder]
"""The executed orders of one round, oldest first; those with CNC are of the kind `DELIVERY`."""


def charges_of_round(orders: Round, schedule: Schedule) -> Charges:
    """Return the charges of a round as if the day had no other: unrounded, without the depository's fee."""
    return charges_of(settled([orders])[0], schedule)


def charges_of_day(rounds: Sequence[Round], schedule: Schedule) -> list[Charges]:
    """Return the charges of each round of an account, symbol and day; together they are the day's."""
    orders = settled(rounds)
    unrounded = [charges_of(of_round, schedule) for of_round in orders]
    owed = [charges.stt for charges in unrounded]
    stt = shared(sum(owed, NOTHING).quantize(RUPEE, ROUND_HALF_UP), owed)
    from_holdings = [_sold_from_holdings(of_round) for of_round in orders]
    fee = schedule.dp * (1 + schedule.gst) if any(from_holdings) else NOTHING
    dp = shared(fee, from_holdings)
    return [charges.replaced(stt=tax, dp=part) for charges, tax, part in zip(unrounded, stt, dp, strict=True)]


def shared(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Share rupees out by weight, in whole paise rounded down; the last one with a weight gets the rest."""
    whole = sum(weights, NOTHING)
    if not whole:
        return [NOTHING for _ in weights]
    shares = [(amount * weight / whole).quantize(PAISA, ROUND_DOWN) for weight in weights]
    last = max(at for at, weight in enumerate(weights) if weight)
    shares[last] = amount - sum(shares, NOTHING) + shares[last]
    return shares


@dataclass(slots=True)
class _Unmatched:
    """The shares of a round with CNC that were neither bought nor sold against others of the day yet."""

    bought: int
    sold: int
    intraday_bought: int = 0
    intraday_sold: int = 0

    def match(self, bought: int, sold: int) -> None:
        self.bought -= bought
        self.sold -= sold
        self.intraday_bought += bought
        self.intraday_sold += sold


def settled(rounds: Sequence[Round]) -> list[tuple[ExecutedOrder, ...]]:
    """Return the orders with each CNC order split into what was intraday and what was delivered.

    A round's purchases count against its own sales first, then against those of the other rounds.
    """
    matched = [_own_match(orders) for orders in rounds]
    across = min(sum(of.bought for of in matched), sum(of.sold for of in matched))
    bought = sold = across
    for of in matched:
        buys, sells = min(of.bought, bought), min(of.sold, sold)
        of.match(buys, sells)
        bought, sold = bought - buys, sold - sells
    return [_split(orders, of) for orders, of in zip(rounds, matched, strict=True)]


def _own_match(orders: Round) -> _Unmatched:
    traded = _Unmatched(_delivered(orders, Side.BUY), _delivered(orders, Side.SELL))
    own = min(traded.bought, traded.sold)
    traded.match(own, own)
    return traded


def _delivered(orders: Round, side: Side) -> int:
    return sum(order.quantity for order in orders if order.kind is TradeKind.DELIVERY and order.side is side)


def _split(orders: Round, matched: _Unmatched) -> tuple[ExecutedOrder, ...]:
    left = {Side.BUY: matched.intraday_bought, Side.SELL: matched.intraday_sold}
    parts: list[ExecutedOrder] = []
    for order in orders:
        if order.kind is not TradeKind.DELIVERY:
            parts.append(order)
            continue
        intraday = min(order.quantity, left[order.side])
        left[order.side] -= intraday
        parts += [
            replace(order, kind=kind, quantity=quantity)
            for kind, quantity in (
                (TradeKind.INTRADAY, intraday),
                (TradeKind.DELIVERY, order.quantity - intraday),
            )
            if quantity
        ]
    return tuple(parts)


def _sold_from_holdings(orders: Round) -> Decimal:
    return sum(
        (order.value for order in orders if order.kind is TradeKind.DELIVERY and order.side is Side.SELL),
        NOTHING,
    )
