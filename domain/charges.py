"""Computes the charges of executed orders, in rupees, by the rates of `domain.charge_schedule`.

`charges_of` takes orders for what they say they are and rounds nothing. `domain.day_charges` settles what
only a whole day of one symbol in one account shows: shares bought and sold on one day are intraday whatever
their product, STT is rounded to the rupee, and the depository is paid once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from domain.charge_schedule import BSE, NSE, Schedule, TradeKind
from domain.instrument import is_option
from domain.money import PAISA
from domain.order import Side
from domain.strategy import Product

NOTHING = Decimal(0)
_EXCHANGES = {"NSE": NSE, "NFO": NSE, "BSE": BSE, "BFO": BSE}
"""Whose rates hold: derivatives are traded at NFO and BFO."""


@dataclass(frozen=True, slots=True)
class ExecutedOrder:
    """One order as far as it was filled: its whole filled quantity at its average price.

    Brokerage has a cap an order, so an order of many trades is one of these. `exchange`: NSE, BSE, NFO, BFO.
    """

    kind: TradeKind
    exchange: str
    side: Side
    quantity: int
    price: Decimal

    @property
    def value(self) -> Decimal:
        """The rupees that changed hands; of options the premium."""
        return self.price * self.quantity


@dataclass(frozen=True, slots=True)
class Charges:
    """What trades cost, in rupees. `dp`: the depository's fee with its GST; `gst` is that of the others.

    `schedule` names the table of rates.
    """

    brokerage: Decimal
    stt: Decimal
    exchange: Decimal
    sebi: Decimal
    stamp: Decimal
    gst: Decimal
    dp: Decimal
    total: Decimal
    schedule: str

    def replaced(self, *, stt: Decimal, dp: Decimal) -> "Charges":
        """Return them with another STT and depository fee, and the total that follows."""
        rest = self.brokerage + self.exchange + self.sebi + self.stamp + self.gst
        return replace(self, stt=stt, dp=dp, total=rest + stt + dp)

    def in_paise(self) -> "Charges":
        """Return every part rounded to the paisa, half up; the total is the sum of these."""
        parts = (self.brokerage, self.stt, self.exchange, self.sebi, self.stamp, self.gst, self.dp)
        rounded = [part.quantize(PAISA, ROUND_HALF_UP) for part in parts]
        brokerage, stt, exchange, sebi, stamp, gst, dp = rounded
        total = sum(rounded, NOTHING)
        return Charges(brokerage, stt, exchange, sebi, stamp, gst, dp, total, self.schedule)


def trade_kind(exchange: str, symbol: str, product: Product) -> TradeKind | None:
    """Return how a trade of one day alone is charged; None where the symbol names no kind known here.

    Shares with CNC are delivery as long as they are not sold on their day. Kite ends the symbols of futures
    in FUT and those of options in CE or PE.
    """
    if exchange in ("NFO", "BFO"):
        if symbol.endswith("FUT"):
            return TradeKind.FUTURES
        return TradeKind.OPTIONS if is_option(exchange, symbol) else None
    if exchange not in _EXCHANGES:
        return None
    return TradeKind.INTRADAY if product is Product.MIS else TradeKind.DELIVERY


def charges_of(orders: Iterable[ExecutedOrder], schedule: Schedule) -> Charges:
    """Return the charges of orders, unrounded and without the depository's fee; each is of its own kind."""
    brokerage = stt = exchange = stamp = value = NOTHING
    for order in orders:
        rates, bought = schedule.rates[order.kind], order.side is Side.BUY
        value += order.value
        brokerage += _brokerage(order, schedule)
        stt += order.value * (rates.stt_on_buys if bought else rates.stt_on_sells)
        exchange += order.value * rates.exchange[_EXCHANGES[order.exchange]]
        stamp += order.value * rates.stamp if bought else NOTHING
    sebi = value * schedule.sebi
    gst = (brokerage + exchange + sebi) * schedule.gst
    total = brokerage + stt + exchange + sebi + stamp + gst
    return Charges(brokerage, stt, exchange, sebi, stamp, gst, NOTHING, total, schedule.name)


def _brokerage(order: ExecutedOrder, schedule: Schedule) -> Decimal:
    share = schedule.rates[order.kind].brokerage
    if share is None:
        return schedule.most_brokerage if order.quantity else NOTHING
    return min(schedule.most_brokerage, order.value * share)
