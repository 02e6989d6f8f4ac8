"""How many shares an entry buys that is sized by money: worked examples."""

from decimal import Decimal

import pytest

from domain.entry_size import Buying, sized, worst_price
from domain.instrument import is_option
from domain.order import Limit
from domain.terms import Distance, Size, SizeBy, Unit

TICK = Decimal("0.05")


@pytest.mark.parametrize(
    ("last", "option", "worst"),
    [
        ("99.95", False, "101.95"),  # 2 %: 101.949
        ("100", False, "101"),  # 1 %
        ("500", False, "502.5"),  # 0.5 %
        ("3500", False, "3517.5"),
        ("9.95", True, "10.45"),  # 5 %: 10.4475
        ("50", True, "51.5"),
        ("200", True, "204"),
        ("900", True, "909"),
    ],
)
def test_a_market_order_may_cost_the_last_price_and_its_band(last: str, option: bool, worst: str) -> None:
    assert worst_price(None, Decimal(last), is_option=option, tick=TICK) == Decimal(worst)


def test_an_order_with_a_limit_costs_its_ceiling_at_the_most() -> None:
    limit = Limit(Decimal(101), Decimal(105))
    assert worst_price(limit, Decimal(100), is_option=False, tick=TICK) == 105


@pytest.mark.parametrize(
    ("by", "rupees", "stop", "lot", "worst", "shares"),
    [
        (SizeBy.AMOUNT, "50000", "3000", 1, "3517.5", 14),
        (SizeBy.AMOUNT, "3517.5", "3000", 1, "3517.5", 1),
        (SizeBy.AMOUNT, "3517.45", "3000", 1, "3517.5", 0),
        (SizeBy.AMOUNT, "100000", "90", 75, "100", 975),
        (SizeBy.AMOUNT, "7499", "90", 75, "100", 0),
        (SizeBy.RISK, "5000", "3000", 1, "3517.5", 9),
        (SizeBy.RISK, "1000", "90", 75, "100", 75),
        (SizeBy.RISK, "100", "100", 1, "100", 0),  # no risk to divide by
        (SizeBy.RISK, "100", "101", 1, "100", 0),
        (SizeBy.AMOUNT, "10000000", "0.01", 1, "0.05", 1_000_000),  # as many as one order may have
    ],
)
def test_money_buys_whole_lots_at_the_worst_price(
    by: SizeBy, rupees: str, stop: str, lot: int, worst: str, shares: int
) -> None:
    size = Size(by, Decimal(rupees))
    found = sized(size, Decimal(stop), Buying(size=size, lot=lot), Decimal(worst))
    assert found.shares == shares
    assert rupees in found.words


@pytest.mark.parametrize(
    ("stop", "shares"), [(Distance(Decimal(2), Unit.PERCENT), 50), (Distance(Decimal(5), Unit.POINTS), 20)]
)
def test_a_stop_from_the_fill_is_measured_from_the_worst_price(stop: Distance, shares: int) -> None:
    size = Size(SizeBy.RISK, Decimal(100))
    assert sized(size, None, Buying(size=size, stop=stop), Decimal(100)).shares == shares


def test_options_are_known_by_their_names() -> None:
    assert is_option("NFO", "NIFTY26DEC24000CE")
    assert not is_option("NFO", "NIFTY26DECFUT")
    assert not is_option("NSE", "RELIANCE")
    assert not is_option("NSE", "PEACE")
