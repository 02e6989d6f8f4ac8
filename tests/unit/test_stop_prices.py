"""The prices of a stop that rests at the exchange, example by example."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import on_tick
from domain.stop_prices import OrderKind, StopPrices, Traded, is_worth_moving, stop_kind, stop_prices


def rupees(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@pytest.mark.parametrize(
    ("exchange", "symbol", "kind"),
    [
        ("NSE", "TCS", OrderKind.SL_M),
        ("NFO", "NIFTY26DECFUT", OrderKind.SL_M),
        ("NFO", "NIFTY26DEC24000CE", OrderKind.SL),
        ("NFO", "NIFTY26DEC24000PE", OrderKind.SL),
        ("BSE", "TCS", OrderKind.SL),
        ("BFO", "SENSEX26DECFUT", OrderKind.SL),
        ("BFO", "SENSEX26DEC80000CE", OrderKind.SL),
    ],
)
def test_a_stop_at_market_rests_where_the_exchange_takes_one(
    exchange: str, symbol: str, kind: OrderKind
) -> None:
    assert stop_kind(exchange, symbol) is kind


@pytest.mark.parametrize(
    ("stop", "tick", "last", "lower", "trigger", "limit"),
    [
        ("3500", "0.1", "3550", "2840", "3500", "3412.5"),
        ("3500.04", "0.1", "3550", "2840", "3500.1", "3412.5"),  # the stop up, its limit down to the tick
        ("3500", "5", "3550", None, "3500", "3410"),
        ("50.05", "0.05", "55", None, "50.05", "48.75"),  # 48.79875
        ("50", "0.05", "55", None, "50", "48.75"),  # up to 50 rupees: 1.25 below
        ("49.99", "0.01", "55", None, "49.99", "48.74"),
        ("20", "0.01", "21", None, "20", "18.75"),
        ("1.3", "0.05", "1.5", None, "1.30", "0.05"),
        ("1", "0.05", "1.5", None, "1", "0.05"),  # 1.25 below would be less than nothing
        ("100", "0.05", "110", "98.22", "100", "98.25"),  # never below the lower circuit limit
    ],
)
def test_a_stop_has_its_trigger_on_the_tick_and_its_limit_inside_the_permitted_gap(
    stop: str, tick: str, last: str, lower: str | None, trigger: str, limit: str
) -> None:
    traded = Traded("BSE", "TCS", Decimal(tick), Decimal(last), rupees(lower))
    assert stop_prices(Decimal(stop), traded) == StopPrices(OrderKind.SL, Decimal(trigger), Decimal(limit))
    at_market = stop_prices(Decimal(stop), Traded("NSE", "TCS", traded.tick, traded.last, traded.lower))
    assert at_market == StopPrices(OrderKind.SL_M, Decimal(trigger), None)


@pytest.mark.parametrize(
    ("stop", "last", "lower"),
    [("3550", "3550", None), ("3560", "3550", None), ("3549.95", "3550", None), ("2839.9", "3550", "2840")],
)
def test_no_stop_rests_at_the_price_above_it_or_below_the_circuit(
    stop: str, last: str, lower: str | None
) -> None:
    traded = Traded("NSE", "TCS", Decimal("0.1"), Decimal(last), rupees(lower))
    assert stop_prices(Decimal(stop), traded) is None


@given(
    st.decimals("0.5", "90000", places=2),
    st.sampled_from([Decimal("0.01"), Decimal("0.05"), Decimal("0.1"), Decimal("0.5"), Decimal(1)]),
)
def test_every_limit_is_on_the_tick_below_its_trigger_and_inside_the_exchanges_gap(
    stop: Decimal, tick: Decimal
) -> None:
    found = stop_prices(stop, Traded("BSE", "TCS", tick, stop * 2 + tick))
    assert found is not None
    assert found.limit is not None
    assert on_tick(found.trigger, tick)
    assert on_tick(found.limit, tick)
    assert stop <= found.trigger < stop + tick
    assert tick <= found.limit <= found.trigger
    if found.trigger > 200 * tick:
        widest = Decimal("1.5") if found.trigger <= 50 else found.trigger * 3 / 100
        assert found.trigger - found.limit <= widest


@pytest.mark.parametrize(
    ("trigger", "wanted", "tick", "worth"),
    [
        ("3500", "3508.7", "0.1", False),
        ("3500", "3508.8", "0.1", True),  # 0.25 % are 8.75
        ("3500", "3491.2", "0.1", True),  # it follows a falling average, too
        ("3500", "3500", "0.1", False),
        ("40", "40.2", "0.05", False),
        ("40", "40.25", "0.05", True),  # five ticks, where they are more than 0.25 %
    ],
)
def test_a_stop_is_moved_by_a_step_that_is_worth_a_modification(
    trigger: str, wanted: str, tick: str, worth: bool
) -> None:
    assert is_worth_moving(Decimal(trigger), Decimal(wanted), Decimal(tick)) is worth
