"""An instrument says whether NSE's series lets its shares be sold on the day they are bought."""

import pytest

from tests.fakes.instruments import instrument


@pytest.mark.parametrize(
    ("symbol", "exchange", "series"),
    [
        ("SUZLON-BE", "NSE", "BE"),
        ("ABC-BZ", "NSE", "BZ"),
        ("SMALL-ST", "NSE", "ST"),
        ("BAJAJ-AUTO", "NSE", None),
        ("TCS", "NSE", None),
        ("ABC-BE", "BSE", None),
        ("-BE", "NSE", None),
        ("ABCBE", "NSE", None),
    ],
)
def test_only_a_series_behind_the_symbol_is_trade_to_trade(
    symbol: str, exchange: str, series: str | None
) -> None:
    assert instrument(symbol, exchange).series == series
