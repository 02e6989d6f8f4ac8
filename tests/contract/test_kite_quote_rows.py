"""Quotes, margins and charges of a broker that no paper exchange sends: odd, half readable, of no use."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.kite import mapping as rows
from adapters.kite.order_charges import order_charges
from domain.broker_charges import BrokerCharges, ChargedOrder
from domain.errors import BrokerUnavailable
from domain.order import Side
from domain.strategy import Product

SEEN = datetime(2026, 11, 20, 5, tzinfo=UTC)
QUOTE_ROW = {"last_price": 3500.05, "lower_circuit_limit": 3150.1, "upper_circuit_limit": 3850}


def test_prices_are_read_as_they_are_written() -> None:
    quote = rows.quotes({"NSE:TCS": json.loads(json.dumps(QUOTE_ROW))}, SEEN)["NSE:TCS"]
    assert quote.last_price == Decimal("3500.05")
    assert (quote.lower_circuit, quote.upper_circuit) == (Decimal("3150.1"), Decimal(3850))


@pytest.mark.parametrize(
    ("ohlc", "close"),
    [
        ({"close": 3501.25}, "3501.25"),
        ({"close": 0}, None),  # the first day of a listing
        ({}, None),
        ({"close": "high"}, None),
        ([3501.25], None),
        (None, None),
    ],
)
def test_the_previous_close_is_read_where_it_is_stated(ohlc: object, close: str | None) -> None:
    quote = rows.quotes({"NSE:TCS": {**QUOTE_ROW, "ohlc": ohlc}}, SEEN)["NSE:TCS"]
    assert quote.previous_close == (None if close is None else Decimal(close))
    assert quote.last_price == Decimal("3500.05"), "an odd close takes no price away"


@pytest.mark.parametrize("limits", [{}, {"lower_circuit_limit": 0, "upper_circuit_limit": 0}])
def test_an_index_has_no_limits(limits: dict[str, int]) -> None:
    quote = rows.quotes({"NSE:NIFTY 50": {"last_price": 26001.5, **limits}}, SEEN)["NSE:NIFTY 50"]
    assert (quote.lower_circuit, quote.upper_circuit) == (None, None)


ODD_QUOTES: list[Any] = [
    None,
    "row",
    [],
    {},
    *({**QUOTE_ROW, "last_price": price} for price in (None, "3500", True)),
]


@pytest.mark.parametrize(
    "bad",
    [
        *ODD_QUOTES,
        {**QUOTE_ROW, "last_price": float("nan")},
        {**QUOTE_ROW, "last_price": 1e300},
        {**QUOTE_ROW, "last_price": [3500]},
        {**QUOTE_ROW, "upper_circuit_limit": "3850"},
    ],
)
def test_an_unreadable_quote_is_absent_and_its_neighbours_are_read(bad: Any) -> None:
    assert set(rows.quotes({"NSE:ITC": bad, "NSE:SBIN": QUOTE_ROW}, SEEN)) == {"NSE:SBIN"}


@pytest.mark.parametrize("data", [None, [], "", 5, {"user_id": "AB1234"}])
def test_quotes_that_are_none_fail_the_read(data: Any) -> None:
    with pytest.raises(BrokerUnavailable):
        rows.quotes(data, SEEN)


@pytest.mark.parametrize(
    ("net", "free"), [(74251.8, "74251.8"), (-1200.05, "-1200.05"), (0, "0"), (10**11, str(10**11))]
)
def test_the_margin_that_is_free_is_the_net_of_the_segment(net: float, free: str) -> None:
    assert rows.margins({"enabled": True, "net": net, "available": {"cash": 5}}) == Decimal(free)


@pytest.mark.parametrize(
    "data", [None, [], {}, {"net": None}, {"net": "5"}, {"net": True}, {"net": float("nan")}]
)
def test_margins_that_cannot_be_read_are_unknown_and_not_zero(data: Any) -> None:
    with pytest.raises(BrokerUnavailable):
        rows.margins(data)


def test_the_margin_of_an_order_is_its_total() -> None:
    data = [{"total": 15000, "var": 15000}, {"total": 2999.95, "leverage": 5}]
    assert rows.order_margins(data, 2) == (Decimal(15000), Decimal("2999.95"))


@pytest.mark.parametrize(
    "data",
    [None, {}, [], [{}], [{"total": None}], [{"total": -1}], [{"total": "5"}], [5], [{"total": 1}] * 2],
)
def test_order_margins_that_cannot_be_read_are_unknown_and_not_zero(data: Any) -> None:
    with pytest.raises(BrokerUnavailable):
        rows.order_margins(data, 1)


CHARGED = ChargedOrder("NSE", "TCS", Product.CNC, Side.BUY, 10, Decimal("3500.05"))
CHARGES_ROW: dict[str, Any] = {
    "transaction_type": "BUY",
    "tradingsymbol": "TCS",
    "exchange": "NSE",
    "variety": "regular",
    "product": "CNC",
    "order_type": "MARKET",
    "quantity": 10,
    "price": 3500.05,
    "charges": {
        "transaction_tax": 35.0005,
        "transaction_tax_type": "stt",
        "exchange_turnover_charge": 1.0745,
        "sebi_turnover_charge": 0.035,
        "brokerage": 0.01,
        "stamp_duty": 5,
        "gst": {"igst": 0.2, "cgst": 0, "sgst": 0, "total": 0.2},
        "total": 41.32,
    },
}


def test_charges_are_read_by_part_as_they_are_written() -> None:
    [found] = order_charges([CHARGES_ROW], [CHARGED])
    written = ("0.01", "35.0005", "1.0745", "0.035", "5", "0.2", "41.32")
    assert found == BrokerCharges(*map(Decimal, written))


def _with_charges(**changed: Any) -> dict[str, Any]:
    return {**CHARGES_ROW, "charges": {**CHARGES_ROW["charges"], **changed}}


@pytest.mark.parametrize(
    "data",
    [
        *(None, {}, [], [None], [CHARGES_ROW, CHARGES_ROW], [{**CHARGES_ROW, "charges": None}]),
        [{**CHARGES_ROW, "tradingsymbol": "INFY"}],
        [{**CHARGES_ROW, "transaction_type": "SELL"}],
        [{**CHARGES_ROW, "quantity": 11}],
        *([_with_charges(transaction_tax=odd)] for odd in (None, "35", -1, True, float("nan"), 1e30)),
        [_with_charges(gst={"igst": 0.2})],
        [_with_charges(gst=0.2)],
        [_with_charges(total=None)],
    ],
)
def test_charges_that_cannot_be_read_are_unknown_and_not_zero(data: Any) -> None:
    with pytest.raises(BrokerUnavailable):
        order_charges(data, [CHARGED])
