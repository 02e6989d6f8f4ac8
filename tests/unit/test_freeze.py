"""The most that the exchange takes in one order, by its circulars."""

from datetime import date

import pytest

from domain.freeze import freeze_quantity, largest_order

TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("symbol", "day", "most"),
    [
        ("NIFTY26DECFUT", TODAY, 1800),
        ("NIFTY2612124500CE", TODAY, 1800),
        ("NIFTYNXT5026DECFUT", TODAY, 600),
        ("BANKNIFTY26DECFUT", TODAY, 600),
        ("BANKNIFTY25OCTFUT", date(2025, 10, 31), 900),
        ("BANKNIFTY25NOVFUT", date(2025, 11, 3), 600),
        ("MIDCPNIFTY26DEC13000PE", TODAY, 2800),
        ("FINNIFTY26DECFUT", TODAY, 1800),
        ("MIDCPNIFTY25AUGFUT", date(2025, 8, 29), None),
        ("RELIANCE26DECFUT", TODAY, None),
    ],
)
def test_the_quantity_is_that_of_the_circular_in_force(symbol: str, day: date, most: int | None) -> None:
    assert freeze_quantity("NFO", symbol, day) == most


@pytest.mark.parametrize(("exchange", "symbol"), [("NSE", "NIFTYBEES"), ("BFO", "NIFTY26DECFUT")])
def test_what_is_not_known_has_no_bound(exchange: str, symbol: str) -> None:
    assert freeze_quantity(exchange, symbol, TODAY) is None


@pytest.mark.parametrize(("lot", "most"), [(75, 1800), (65, 1755), (1800, 1800), (1801, None)])
def test_an_order_has_whole_lots(lot: int, most: int | None) -> None:
    assert largest_order("NFO", "NIFTY26DECFUT", lot, TODAY) == most
