"""Rows of a broker's orders and positions that no paper exchange sends: odd, half readable, of no use."""

from collections.abc import Callable
from typing import Any

import pytest

from adapters.kite import mapping as rows
from adapters.kite.unread_rows import UnreadRows
from domain.errors import BrokerUnavailable
from domain.listing import Listing
from domain.order import OrderStatus
from tests.contract.odd_rows import broken
from tests.fakes.manual_clock import ManualClock

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


def test_every_status_but_the_final_ones_is_open() -> None:
    for status in ("OPEN PENDING", "PUT ORDER REQ RECEIVED", "CANCEL PENDING", "UPDATE", "NEVER HEARD OF"):
        [row] = rows.orders([{**ORDER_ROW, "status": status}])
        assert row.status is OrderStatus.OPEN
        assert row.average_price is None


@pytest.mark.parametrize(("tag", "tags"), [("MINE", None), (None, ["mktp", "MINE"]), ("MINE", ["MINE"])])
def test_our_tag_is_found_wherever_the_broker_puts_it(tag: str | None, tags: list[str] | None) -> None:
    [row] = rows.orders([{**ORDER_ROW, "tag": tag, "tags": tags}])
    assert "MINE" in row.tags


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
