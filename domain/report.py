"""Adds up the books for a report: by day, by month, by symbol, and in all.

Turnover is counted as the Institute of Chartered Accountants of India counts it for a tax audit (Guidance
Note on Tax Audit, 2022 edition): of intraday trades and of derivatives the difference of each round, whether
won or lost; of delivered shares what their sales came to.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from domain.books import Booked
from domain.charge_schedule import TradeKind
from domain.charges import NOTHING
from domain.money import PAISA
from domain.order import Side


@dataclass(slots=True)
class Sum:
    """What some rounds came to, in rupees. `rounds` are those that traded.

    `unknown`: rounds of which gross or charges are not known; the figures are those of the others.
    """

    rounds: int = 0
    unknown: int = 0
    turnover: Decimal = NOTHING
    gross: Decimal = NOTHING
    charges: Decimal = NOTHING
    net: Decimal = NOTHING

    def add(self, booked: Booked) -> None:
        """Count a round; one that traded nothing is none."""
        found = booked.round
        if not found.trades and not found.outside:
            return
        self.rounds += 1
        gross, charges, net = found.gross, booked.charges, booked.net
        if gross is None or charges is None or net is None:
            self.unknown += 1
            return
        self.turnover += turnover(booked) or NOTHING
        self.gross += gross
        self.charges += charges.total
        self.net += net


@dataclass(slots=True)
class Report:
    """The sums of what was added. Months are `2026-11`, symbols `NSE:TCS`."""

    total: Sum = field(default_factory=Sum)
    by_day: defaultdict[date, Sum] = field(default_factory=lambda: defaultdict(Sum))
    by_month: defaultdict[str, Sum] = field(default_factory=lambda: defaultdict(Sum))
    by_symbol: defaultdict[str, Sum] = field(default_factory=lambda: defaultdict(Sum))

    def add(self, booked: Booked) -> None:
        """Count a round in each of the sums."""
        found = booked.round
        day = found.key.trading_day
        symbol = f"{found.exchange}:{found.symbol}"
        for total in (
            self.total,
            self.by_day[day],
            self.by_month[f"{day:%Y-%m}"],
            self.by_symbol[symbol],
        ):
            total.add(booked)


def turnover(booked: Booked) -> Decimal | None:
    """Return a round's turnover in rupees; None where a price is not known."""
    gross, sold = booked.round.gross, booked.round.value(Side.SELL)
    if booked.kind == TradeKind.DELIVERY.value:
        return None if sold is None else sold.quantize(PAISA)
    return None if gross is None else abs(gross)
