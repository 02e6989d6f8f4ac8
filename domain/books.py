"""Settles the charges of finished rounds, over all rounds of their accounts' days.

A day of one account in one symbol is settled as a whole (`domain.day_charges`), and each round bears its
share. A round that traded on two days, since a day was slept through, bears a share of both.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from domain.charge_schedule import TradeKind, schedule_on
from domain.charges import NOTHING, Charges, ExecutedOrder, trade_kind
from domain.day_charges import charges_of_day, shared
from domain.finished_round import FinishedRound, RoundKey, Trade
from domain.money import PAISA
from domain.order import Side
from domain.session import EXCHANGE_ZONE

_PARTS = ("brokerage", "stt", "exchange", "sebi", "stamp", "gst", "dp")
NO_SCHEDULE = ""
"""Names the rates of a round that traded nothing: it needs none."""


class _SymbolDay(NamedTuple):
    """What is settled together."""

    account: str
    exchange: str
    symbol: str
    day: date


@dataclass(frozen=True, slots=True)
class Booked:
    """A finished round and what it cost, in rupees to the paisa.

    `charges` and `net` are None where a price, a day's rates, or what became of its shares is not known.
    `isin` is of its last day, None where it is not known; only a report asks for it.
    """

    round: FinishedRound
    charges: Charges | None
    isin: str | None = None

    @property
    def net(self) -> Decimal | None:
        """Return what the round came to after its charges."""
        gross = self.round.gross
        return None if gross is None or self.charges is None else gross - self.charges.total

    @property
    def kind(self) -> str:
        """Return how it was traded: intraday, delivery, both of them, futures or options.

        Shares bought and sold on one day are intraday, whatever their product; empty where that is not known.
        """
        found = self.round
        kind = trade_kind(found.exchange, found.symbol, found.product)
        if _may_be_either(found):
            return ""
        if kind is not TradeKind.DELIVERY or not found.trades:
            return "" if kind is None else kind.value
        both = {side: sum(trade.quantity for trade in found.trades if trade.side is side) for side in Side}
        if len(found.days) > 1 or not min(both.values()):
            return TradeKind.DELIVERY.value
        if both[Side.BUY] == both[Side.SELL]:
            return TradeKind.INTRADAY.value
        return f"{TradeKind.INTRADAY.value} and {TradeKind.DELIVERY.value}"


def booked(rounds: Sequence[FinishedRound], beside: Iterable[FinishedRound] = ()) -> list[Booked]:
    """Return rounds with their charges.

    `beside` are the other rounds of the accounts in question that traded on the same days.
    """
    known = {found.key: found for found in (*beside, *rounds)}
    shares = _shares(sorted(known.values(), key=lambda found: (found.ended_at, found.key)))
    return [Booked(found, _charges(shares[found.key], found)) for found in rounds]


def _shares(rounds: Sequence[FinishedRound]) -> Mapping[RoundKey, list[Charges | None]]:
    """Return each round's shares of the charges of its days; None for a day that cannot be settled."""
    together: defaultdict[_SymbolDay, list[FinishedRound]] = defaultdict(list)
    for found in rounds:
        for day in found.days:
            together[_SymbolDay(found.account, found.exchange, found.symbol, day)].append(found)
    shares: defaultdict[RoundKey, list[Charges | None]] = defaultdict(list)
    for name, group in together.items():
        for found, share in zip(group, charges_on(group, name.day), strict=True):
            shares[found.key].append(share)
    return shares


def charges_on(group: Sequence[FinishedRound], day: date) -> Sequence[Charges | None]:
    """Return each round's share of what a day cost, of one account's rounds in one symbol, oldest first.

    None for all of them where a price or the rates of that day are not known.
    """
    schedule = schedule_on(day)
    orders = [executed_on(found, day) for found in group]
    known = [of_round for of_round in orders if of_round is not None]
    if schedule is None or len(known) < len(orders):
        return [None] * len(group)
    return _in_paise(charges_of_day(known, schedule))


def _in_paise(of_day: Sequence[Charges]) -> list[Charges]:
    """Round a day's charges, part by part, and share that out: the shares add up to the day, to the paisa."""
    parts = {
        name: shared(_whole_paise(owed), owed)
        for name in _PARTS
        for owed in [[getattr(charges, name) for charges in of_day]]
    }
    totals = [sum(rupees, NOTHING) for rupees in zip(*parts.values(), strict=True)]
    return [
        Charges(**{name: rupees[at] for name, rupees in parts.items()}, total=totals[at], schedule=name_of)
        for at, name_of in enumerate(charges.schedule for charges in of_day)
    ]


def _whole_paise(owed: Sequence[Decimal]) -> Decimal:
    return sum(owed, NOTHING).quantize(PAISA, ROUND_HALF_UP)


def executed_on(found: FinishedRound, day: date) -> tuple[ExecutedOrder, ...] | None:
    """Return what a round traded on a day; None where a price or its kind is not known."""
    kind = trade_kind(found.exchange, found.symbol, found.product)
    trades: list[Trade] = [trade for trade in found.trades if trade.day == day]
    if kind is None or any(trade.price is None for trade in trades):
        return None
    return tuple(
        ExecutedOrder(kind, found.exchange, trade.side, trade.quantity, trade.price)
        for trade in trades
        if trade.price is not None
    )


def _charges(shares: Sequence[Charges | None], found: FinishedRound) -> Charges | None:
    if not found.trades:
        return NO_CHARGES
    if _may_be_either(found):
        return None
    total = NO_CHARGES
    for share in shares:
        if share is None:
            return None
        total = _sum(total, share)
    return total


def _may_be_either(found: FinishedRound) -> bool:
    """Tell whether shares of CNC were gone on the day of their purchase, which leaves their charges open.

    Sold by hand they were intraday; moved to another product, or out of the account, they were delivered.
    """
    kind = trade_kind(found.exchange, found.symbol, found.product)
    ended = found.ended_at.astimezone(EXCHANGE_ZONE).date()
    return kind is TradeKind.DELIVERY and found.outside > 0 and found.day_of(Side.BUY) == ended


def _sum(first: Charges, second: Charges) -> Charges:
    rupees = {name: getattr(first, name) + getattr(second, name) for name in (*_PARTS, "total")}
    names = dict.fromkeys(name for name in (first.schedule, second.schedule) if name)
    return Charges(**rupees, schedule=", ".join(names))


NO_CHARGES = Charges(**dict.fromkeys((*_PARTS, "total"), NOTHING), schedule=NO_SCHEDULE)
