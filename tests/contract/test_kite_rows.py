"""Rows of the broker's books that no paper exchange sends: odd, half readable, or of no use."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.kite import mapping as rows
from adapters.kite.order_charges import order_charges
from adapters.kite.unread_rows import UnreadRows
from domain.broker_charges import BrokerCharges, ChargedOrder
from domain.errors import BrokerUnavailable
from domain.listing import Listing
from domain.order import OrderStatus, Side
from domain.strategy import Product
from tests.fakes.manual_clock import ManualClock

SEEN = datetime(2026, 11, 20, 5, tzinfo=UTC)

ORDER_ROW = {
    "order_id": "2042130686722629633",
    "tag": None,
    "tags": ["mktp", "mktp:2.00"],
    "exchange": "NSE",
    "tradingsymbol": "TCS",
    "product": "CNC",
    "transaction_type": "BUY",
    "quantity": 5,
    "filled_quantity": 0,
    "average_price": 0,
    "status": "OPEN PENDING",
    "status_message": None,
    "order_timestamp": "no time at all",
}
POSITION_ROW = {
    "exchange": "NSE",
    "tradingsymbol": "TCS",
    "product": "CNC",
    "quantity": -5,
    "day_buy_quantity": 0,
    "day_sell_quantity": 5,
}
QUOTE_ROW = {"last_price": 3500.05, "lower_circuit_limit": 3150.1, "upper_circuit_limit": 3850}
HOLDING_ROW = {
    "exchange": "NSE",
    "tradingsymbol": "TCS",
    "quantity": 10,
    "used_quantity": 4,
    "t1_quantity": 7,
}


def test_every_status_but_the_final_ones_is_open() -> None:
    for status in ("OPEN PENDING", "PUT ORDER REQ RECEIVED", "CANCEL PENDING", "UPDATE", "NEVER HEARD OF"):
        [row] = rows.orders([{**ORDER_ROW, "status": status}])
        assert row.status is OrderStatus.OPEN
        assert row.average_price is None


@pytest.mark.parametrize(("tag", "tags"), [("MINE", None), (None, ["mktp", "MINE"]), ("MINE", ["MINE"])])
def test_our_tag_is_found_wherever_the_broker_puts_it(tag: str | None, tags: list[str] | None) -> None:
    [row] = rows.orders([{**ORDER_ROW, "tag": tag, "tags": tags}])
    assert "MINE" in row.tags


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


def test_holdings_are_what_was_there_before_today_delivered_or_not_sold_or_not() -> None:
    other = {**HOLDING_ROW, "tradingsymbol": "ITC"}
    assert rows.holdings([other, HOLDING_ROW], "NSE", "TCS") == 17
    assert rows.holdings([other], "NSE", "TCS") == 0


ISIN = {"isin": "INE467B01029"}
BSE_ROW = {**HOLDING_ROW, "exchange": "BSE"}


@pytest.mark.parametrize(
    ("listed", "sellable"),
    [
        ([BSE_ROW], 17),  # bought on BSE: the same share lies in the demat account
        ([{**BSE_ROW, **ISIN}], 17),
        ([{**HOLDING_ROW, **ISIN}, {**BSE_ROW, **ISIN, "quantity": 0}], 24),  # T1 in a row of its own
        (
            [{**HOLDING_ROW, **ISIN}, {**BSE_ROW, **ISIN, "tradingsymbol": "TCS-A"}],
            34,
        ),  # another symbol there
        ([HOLDING_ROW, BSE_ROW], 17),  # nothing says that they are one
        ([{**HOLDING_ROW, **ISIN}, {**BSE_ROW, "isin": "INE000X01011"}], 17),  # another company
        ([{**HOLDING_ROW, "quantity": 0}], 7),
        ([{**HOLDING_ROW, "quantity": 17, "realised_quantity": 10}], 17),  # T1 is in it already
        ([{**HOLDING_ROW, "realised_quantity": 10}], 17),
        ([{**HOLDING_ROW, "product": "MTF"}], 0),
        ([{**HOLDING_ROW, "exchange": "NFO"}], 0),
        ([{**HOLDING_ROW, "tradingsymbol": " TCS "}], 17),
    ],
)
def test_a_share_is_held_under_whichever_exchange_it_is_listed(
    listed: list[dict[str, Any]], sellable: int
) -> None:
    assert rows.holdings(listed, "NSE", "TCS") == sellable


@pytest.mark.parametrize(
    ("listed", "isins"),
    [
        ([HOLDING_ROW], {}),
        ([{**HOLDING_ROW, **ISIN}], {("NSE", "TCS"): "INE467B01029"}),
        ([{**HOLDING_ROW, **ISIN, "quantity": None}], {("NSE", "TCS"): "INE467B01029"}),
        (
            [{**HOLDING_ROW, **ISIN}, {**BSE_ROW, **ISIN}],
            dict.fromkeys([("NSE", "TCS"), ("BSE", "TCS")], "INE467B01029"),
        ),
        ([{**HOLDING_ROW, "isin": "INE467B01028"}], {}),  # its check digit is wrong
        ([{**HOLDING_ROW, "isin": "INE467B0102"}], {}),
        ([{**HOLDING_ROW, "isin": 467}, None, "TCS"], {}),
        ([{**HOLDING_ROW, **ISIN}, {**HOLDING_ROW, "isin": "INE009A01021"}], {}),  # one of them is wrong
        ([{**HOLDING_ROW, **ISIN, "exchange": "NFO"}], {}),
        ([{**HOLDING_ROW, **ISIN, "tradingsymbol": "T\x00S"}], {}),
    ],
)
def test_holdings_state_isins_and_none_is_made_up(
    listed: list[Any], isins: dict[tuple[str, str], str]
) -> None:
    assert rows.holdings_of(listed, []).isins == isins


@pytest.mark.parametrize(
    "bad",
    [
        {**BSE_ROW, "quantity": None},
        {**BSE_ROW, **ISIN, "tradingsymbol": "TCS-A", "t1_quantity": "7"},
        {**HOLDING_ROW, "quantity": -1},
        {**HOLDING_ROW, "quantity": 1e30},
    ],
)
def test_an_unreadable_row_of_the_share_under_any_name_is_not_zero(bad: dict[str, Any]) -> None:
    with pytest.raises(BrokerUnavailable, match="TCS"):
        rows.holdings([bad, {**HOLDING_ROW, **ISIN}], "NSE", "TCS")


ODD: list[Any] = [None, "5", 5.5, True, [], float("nan")]


def broken(good: dict[str, Any], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Rows of which one field is missing, or of another type."""
    for name in names:
        yield {key: value for key, value in good.items() if key != name}
        for odd in ODD:
            if not isinstance(odd, type(good[name])) or isinstance(odd, bool):
                yield {**good, name: odd}


ORDER_NEEDS = ("order_id", "transaction_type", "quantity", "filled_quantity", "status")
POSITION_NEEDS = ("exchange", "tradingsymbol", "product", "quantity", "day_buy_quantity", "day_sell_quantity")
READ: dict[str, tuple[Callable[[list[Any]], Listing[Any]], dict[str, Any], tuple[str, ...]]] = {
    "orders": (rows.orders, ORDER_ROW, ORDER_NEEDS),
    "positions": (lambda found: rows.positions({"net": found}), POSITION_ROW, POSITION_NEEDS),
}


@pytest.mark.parametrize("name", READ)
def test_one_unreadable_row_costs_that_row(name: str) -> None:
    read, good, needs = READ[name]
    other = {**good, "tradingsymbol": "ITC"}
    for bad in broken(other, needs):
        found = read([good, bad, {**good, "order_id": "another"}])
        assert [row.symbol for row in found] == ["TCS", "TCS"]
        assert found.covers("TCS") == ("tradingsymbol" in bad and bad["tradingsymbol"] == "ITC")
        assert not found.covers("ITC"), "an unread row is not an absent one"


@pytest.mark.parametrize(
    "odd",
    [
        {"quantity": 1e30},
        {"day_buy_quantity": -1},
        {"day_sell_quantity": 10**12},
        {"quantity": [5]},
        {"product": None},
    ],
)
def test_a_position_that_cannot_be_is_not_read(odd: dict[str, Any]) -> None:
    found = rows.positions({"net": [{**POSITION_ROW, **odd}, {**POSITION_ROW, "tradingsymbol": "ITC"}]})
    assert [row.symbol for row in found] == ["ITC"]
    assert not found.covers("TCS")
    assert found.covers("ITC")


def test_blanks_around_a_symbol_hide_no_position() -> None:
    [row] = rows.positions({"net": [{**POSITION_ROW, "tradingsymbol": "TCS ", "product": " CNC"}]})
    assert (row.symbol, row.product) == ("TCS", "CNC")


@pytest.mark.parametrize("bad", [None, "row", 5, [], {}])
@pytest.mark.parametrize("name", READ)
def test_a_row_that_does_not_say_its_symbol_may_be_of_any(name: str, bad: Any) -> None:
    read, good, _ = READ[name]
    found = read([bad, good])
    assert len(found) == 1
    assert not found.covers("TCS")
    assert not found.covers("ITC")


@pytest.mark.parametrize("quantities", [(5, -1), (5, 6), (-5, 0), (5, 4.5)])
def test_quantities_that_cannot_be_are_not_followed(quantities: tuple[int, float]) -> None:
    quantity, filled = quantities
    found = rows.orders([{**ORDER_ROW, "quantity": quantity, "filled_quantity": filled}])
    assert found == Listing((), frozenset({"TCS"}))


UNNEEDED = {**ORDER_ROW, "tag": "MINE", "status": "COMPLETE", "filled_quantity": 5}


@pytest.mark.parametrize(
    ("odd", "covered"),
    [
        ({"average_price": "3500"}, True),
        ({"average_price": float("nan")}, True),
        ({"average_price": -1}, True),
        ({"status_message": 7}, True),
        ({"filled_quantity": 5.0}, True),
        ({"exchange": None}, False),
        ({"product": 5}, False),
        ({"tags": "mktp"}, False),
        ({"tags": ["MINE", 5]}, False),
        ({"tag": 7, "tags": ["MINE"]}, False),
    ],
)
def test_a_row_with_our_tag_is_followed_whatever_else_is_wrong_with_it(
    odd: dict[str, Any], covered: bool
) -> None:
    found = rows.orders([{**UNNEEDED, **odd}])
    [row] = found
    assert "MINE" in row.tags
    assert (row.status, row.filled_quantity, row.broker_order_id) == (
        OrderStatus.COMPLETE,
        5,
        ORDER_ROW["order_id"],
    )
    assert row.average_price is None or "average_price" not in odd
    assert found.covers("TCS") == covered
    assert found.covers("ITC")


TAG = "ABCDEFGHIJ234567KLMN"
"""As ours are."""
OURS = {**UNNEEDED, "tag": TAG, "tags": [TAG]}


@pytest.mark.parametrize(
    ("odd", "status", "filled"),
    [
        ({"order_id": None}, OrderStatus.COMPLETE, 5),
        ({"order_id": 2042130686722629633}, OrderStatus.COMPLETE, 5),
        ({"transaction_type": None}, OrderStatus.COMPLETE, 5),
        ({"transaction_type": "bought"}, OrderStatus.COMPLETE, 5),
        ({"status": None}, OrderStatus.OPEN, 5),
        ({"status": "complete "}, OrderStatus.COMPLETE, 5),
        ({"status": "DONE BY HAND"}, OrderStatus.OPEN, 5),
        ({"quantity": None}, OrderStatus.COMPLETE, 5),
        ({"quantity": 1e30}, OrderStatus.COMPLETE, 5),
        ({"filled_quantity": None}, OrderStatus.COMPLETE, 5),  # all of it: it says so
        ({"filled_quantity": "5", "status": "CANCELLED"}, OrderStatus.OPEN, 0),  # not known: not over
        ({"filled_quantity": -5, "status": "OPEN"}, OrderStatus.OPEN, 0),
        ({"filled_quantity": 6, "status": "CANCELLED"}, OrderStatus.OPEN, 0),
        ({"quantity": [], "filled_quantity": {}}, OrderStatus.OPEN, 0),
        ({"tag": None, "tags": f"mktp,{TAG}"}, OrderStatus.COMPLETE, 5),
        ({"tag": [TAG], "tags": None}, OrderStatus.COMPLETE, 5),
        ({"tag": None, "tags": [["mktp", TAG]]}, OrderStatus.COMPLETE, 5),
        ({"tag": f" {TAG} ", "tags": []}, OrderStatus.COMPLETE, 5),
        ({"average_price": 1e300}, OrderStatus.COMPLETE, 5),
    ],
)
def test_an_order_of_ours_is_followed_by_its_tag_though_hardly_anything_of_it_can_be_read(
    odd: dict[str, Any], status: OrderStatus, filled: int
) -> None:
    [row] = rows.orders([{**OURS, **odd}])
    assert TAG in row.tags
    assert (row.status, row.filled_quantity) == (status, filled)


def test_a_row_of_ours_that_is_not_whole_proves_nothing_of_its_symbol() -> None:
    for name in ("order_id", "transaction_type", "status", "quantity", "filled_quantity"):
        found = rows.orders([{**OURS, name: None}, {**ORDER_ROW, "order_id": "2", "tradingsymbol": "ITC"}])
        assert not found.covers("TCS"), name
        assert found.covers("ITC")


def test_one_order_listed_twice_is_one_order() -> None:
    open_row = {**ORDER_ROW, "filled_quantity": 3, "status": "OPEN"}
    over = {**ORDER_ROW, "filled_quantity": 5, "status": "COMPLETE"}
    for listed in ([open_row, over], [over, open_row], [over, over]):
        found = rows.orders(listed)
        assert [(row.status, row.filled_quantity) for row in found] == [(OrderStatus.COMPLETE, 5)]
        assert found.covers("TCS") == (listed[0] == listed[1]), "two rows that differ prove nothing"


def test_orders_without_a_number_are_not_one_order() -> None:
    others = [{**OURS, "order_id": None, "tag": TAG[:-1] + letter} for letter in "AB"]
    assert len(rows.orders(others)) == 2


@pytest.mark.parametrize("symbol", [None, "", 5])
def test_a_followed_row_without_a_symbol_proves_nothing_absent(symbol: Any) -> None:
    found = rows.orders([{**UNNEEDED, "tradingsymbol": symbol}])
    assert found[0].filled_quantity == 5
    assert not found.covers("ITC")


def test_an_unreadable_holding_of_another_share_costs_nothing() -> None:
    others = list(broken({**HOLDING_ROW, "tradingsymbol": "ITC"}, ("exchange", "quantity", "t1_quantity")))
    assert rows.holdings([*others, HOLDING_ROW], "NSE", "TCS") == 17


def test_an_unreadable_holding_is_not_zero() -> None:
    for bad in (*broken(HOLDING_ROW, ("exchange", "tradingsymbol", "quantity", "t1_quantity")), None):
        with pytest.raises(BrokerUnavailable, match="TCS"):
            rows.holdings([bad, HOLDING_ROW], "NSE", "TCS")


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


async def test_unread_rows_are_logged_now_and_then_without_their_content(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    unread = UnreadRows(clock)
    for _ in range(10):
        unread.note("quotes", {f"NSE:S{number:02}" for number in range(12)} | {"x\x00" * 99})
        unread.note("order book", frozenset({None}))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert "NSE:S00" in lines[0]
    assert "…" in lines[0]
    assert len(lines[0]) < 300
    assert "without a symbol" in lines[1]
    await clock.advance(61)
    unread.note("quotes", {"NSE:ITC"})
    unread.note("quotes", set())
    assert len(caplog.records) == 3


@pytest.mark.parametrize("data", [None, {}, "", 5])
def test_a_list_that_is_none_fails_the_read(data: Any) -> None:
    with pytest.raises(BrokerUnavailable):
        rows.orders(data)
    with pytest.raises(BrokerUnavailable):
        rows.positions({"net": data})


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
