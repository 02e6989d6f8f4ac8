"""A thousand random round trips cost what an oracle says that was written from the broker's table alone.

The oracle knows nothing of the product: whole numbers, rates in ten-millionths of the value, as the page of
the broker prints them. Rates of FY 2026-27 (zerodha.com/charges, 2026-10-07).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest

from domain.books import booked
from domain.finished_round import FinishedRound
from domain.order import Side
from domain.strategy import Product
from tests.unit.test_books import MONDAY, finished, trade

TRIPS = 1_000
HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Row:
    """A column of the broker's table, in percent."""

    brokerage: str
    tax_buy: str
    tax_sell: str
    nse: str
    bse: str
    stamp: str


TABLE = {
    "delivery": Row("0", "0.1", "0.1", "0.00307", "0.00375", "0.015"),
    "intraday": Row("0.03", "0", "0.025", "0.00307", "0.00375", "0.003"),
    "futures": Row("0.03", "0", "0.05", "0.00183", "0", "0.002"),
    "options": Row("flat", "0", "0.15", "0.03553", "0.0325", "0.003"),
}


def percent(of: Fraction, rate: str) -> Fraction:
    return of * Fraction(rate) / 100


def half_up(value: Fraction) -> int:
    return (value + HALF).__floor__()


def paise(rupees: Fraction) -> int:
    return half_up(rupees * 100)


def oracle(kind: str, bse: bool, quantity: int, bought: Fraction, sold: Fraction) -> dict[str, int]:
    """Return the charges of a round trip in paise; delivery is bought on one day and sold on another."""
    row = TABLE[kind]
    days = [[("buy", bought * quantity)], [("sell", sold * quantity)]]
    if kind != "delivery":
        days = [days[0] + days[1]]
    total: dict[str, int] = dict.fromkeys(("brokerage", "stt", "exchange", "sebi", "stamp", "gst", "dp"), 0)
    for orders in days:
        for name, rupees in of_day(kind, row, bse, orders).items():
            total[name] += rupees
    total["dp"] = 1534 if kind == "delivery" else 0
    return total


def of_day(kind: str, row: Row, bse: bool, orders: list[tuple[str, Fraction]]) -> dict[str, int]:
    fees = [
        Fraction(20) if kind == "options" else min(Fraction(20), percent(value, row.brokerage))
        for _, value in orders
    ]
    brokerage, value = sum(fees, Fraction(0)), sum((value for _, value in orders), Fraction(0))
    bought = sum((value for side, value in orders if side == "buy"), Fraction(0))
    exchange, sebi = percent(value, row.bse if bse else row.nse), percent(value, "0.0001")
    tax = percent(bought, row.tax_buy) + percent(value - bought, row.tax_sell)
    return {
        "brokerage": paise(brokerage),
        "stt": half_up(tax) * 100,
        "exchange": paise(exchange),
        "sebi": paise(sebi),
        "stamp": paise(percent(bought, row.stamp)),
        "gst": paise(percent(brokerage + exchange + sebi, "18")),
    }


WHERE = {
    ("delivery", False): ("NSE", "TCS", Product.CNC),
    ("delivery", True): ("BSE", "TCS", Product.CNC),
    ("intraday", False): ("NSE", "TCS", Product.MIS),
    ("intraday", True): ("BSE", "TCS", Product.CNC),
    ("futures", False): ("NFO", "NIFTY26DECFUT", Product.NRML),
    ("futures", True): ("BFO", "SENSEX26DECFUT", Product.NRML),
    ("options", False): ("NFO", "NIFTY26DEC25000CE", Product.NRML),
    ("options", True): ("BFO", "SENSEX26DEC80000PE", Product.NRML),
}


def random_trip(random: Random) -> tuple[FinishedRound, dict[str, int]]:
    kind, bse = random.choice(list(TABLE)), random.random() < 0.5
    tick = random.choice(("0.01", "0.05", "1", "5"))
    bought = max(1, int(10 ** random.uniform(0, 6))) * Fraction(tick)
    sold = max(Fraction(tick), bought + random.randint(-200, 200) * Fraction(tick))
    quantity = max(1, int(10 ** random.uniform(0, 4)))
    exchange, symbol, product = WHERE[kind, bse]
    sold_on: date = MONDAY + timedelta(days=1) if kind == "delivery" else MONDAY
    trades = [
        trade(Side.BUY, quantity, _decimal(bought)),
        trade(Side.SELL, quantity, _decimal(sold), sold_on),
    ]
    made = finished(*trades, symbol=symbol, exchange=exchange, product=product)
    return made, oracle(kind, bse, quantity, bought, sold)


def _decimal(rupees: Fraction) -> str:
    return str(Decimal(rupees.numerator) / Decimal(rupees.denominator))


@pytest.mark.parametrize("seed", range(4))
def test_a_thousand_random_round_trips_cost_what_the_table_says(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    for number in range(TRIPS):
        made, expected = random_trip(random)
        [found] = booked([made])
        assert found.charges is not None
        parts = {name: int(getattr(found.charges, name) * 100) for name in expected}
        assert parts == expected, f"round trip {number}: {made}"
        assert found.charges.total * 100 == sum(expected.values())


def test_the_oracle_answers_the_worked_examples_of_the_broker() -> None:
    """Bought for 100,000 and sold for 101,000 rupees, with the tax in whole rupees."""
    worked = {"delivery": 22352 + 1534, "intraday": 8272, "futures": 10478, "options": 28671}
    found = {kind: sum(oracle(kind, False, 100, Fraction(1000), Fraction(1010)).values()) for kind in worked}
    assert found == worked
