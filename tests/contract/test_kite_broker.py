"""The Kite broker against the paper exchange, and its reading of rows that no paper exchange sends."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.kite import mapping as rows
from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.unread_rows import UnreadRows
from adapters.process.clock import SystemClock
from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.listing import Listing
from domain.order import BrokerOrder, OrderRequest, OrderStatus, OrderTerms, Side
from domain.outcome import Accepted, Cause, Rejected, Unknown
from domain.strategy import Product
from tests.fakes.manual_clock import ManualClock
from tests.paper_process import PaperAccount, PaperProcess

TCS = OrderTerms("NSE", "TCS", Product.CNC)
SEEN = datetime(2026, 11, 20, 5, tzinfo=UTC)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def wire() -> Iterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    made.close()


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def owner(paper: PaperProcess) -> PaperAccount:
    paper.clear_faults()
    return paper.account(cash=1_000_000)


@pytest.fixture
def broker(paper: PaperProcess, owner: PaperAccount, wire: ConnectionPool) -> KiteBroker:
    return account(paper, owner, wire)


def account(paper: PaperProcess, owner: PaperAccount, wire: ConnectionPool) -> KiteBroker:
    calls = KiteClient(owner.api_key, owner.access_token, paper.url, wire)
    return KiteBroker(calls, SystemClock(), 1)


def order(quantity: int = 5, side: Side = Side.BUY, terms: OrderTerms = TCS) -> OrderRequest:
    return OrderRequest(terms, side, quantity, f"TAG{next(_numbers)}")


async def seen(broker: KiteBroker, tag: str, status: OrderStatus) -> BrokerOrder:
    """Wait until the order book shows the order in that status."""
    async with asyncio.timeout(10):
        while True:
            for row in await broker.orders():
                if tag in row.tags and row.status is status:
                    return row
            await asyncio.sleep(0.15)  # Kite answers ten reads a second


async def test_a_buy_is_filled_and_shows_in_both_books(broker: KiteBroker) -> None:
    bought = order(5)
    accepted = await broker.place(bought, 5)
    assert isinstance(accepted, Accepted)
    row = await seen(broker, bought.tag, OrderStatus.COMPLETE)
    assert (row.broker_order_id, row.filled_quantity, row.open_quantity) == (accepted.broker_order_id, 5, 0)
    assert isinstance(row.average_price, Decimal)
    [position] = await broker.positions()
    assert (position.symbol, position.product, position.quantity) == ("TCS", "CNC", 5)
    assert (position.day_buy_quantity, position.day_sell_quantity) == (5, 0)


async def test_an_order_that_rests_is_cancelled_and_says_what_it_filled(
    paper: PaperProcess, owner: PaperAccount, broker: KiteBroker
) -> None:
    paper.fault("partial_fill", {"user_id": owner.user_id}, fraction=0.4)
    part = order(10)
    accepted = await broker.place(part, 5)
    assert isinstance(accepted, Accepted)
    row = await seen(broker, part.tag, OrderStatus.OPEN)
    assert row.open_quantity == 10 - row.filled_quantity
    await broker.cancel(accepted.broker_order_id)
    row = await seen(broker, part.tag, OrderStatus.CANCELLED)
    assert (row.filled_quantity, row.open_quantity) == (4, 0)


async def test_an_order_the_exchange_rejects_says_why(
    paper: PaperProcess, owner: PaperAccount, broker: KiteBroker
) -> None:
    paper.fault("reject_async", {"user_id": owner.user_id})
    refused = order()
    assert isinstance(await broker.place(refused, 5), Accepted)
    row = await seen(broker, refused.tag, OrderStatus.REJECTED)
    assert row.average_price is None
    assert row.message


async def test_a_sale_of_what_is_not_held_is_refused_for_good(broker: KiteBroker) -> None:
    outcome = await broker.place(order(5, Side.SELL), 5)
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.FINAL


@pytest.mark.parametrize(
    ("fault", "extent", "placed"),
    [
        ("accept_then_hang", {}, True),
        ("accept_then_reset", {}, True),
        ("hang_without_accept", {}, False),
        ("timeout_400_then_place", {"delay": 0.3}, True),
        ("http_503", {}, False),
        ("http_503_but_placed", {}, True),
        ("html_502", {}, False),
    ],
)
async def test_a_doubtful_answer_is_unknown_and_the_book_tells(
    fault: str,
    extent: dict[str, float],
    placed: bool,
    paper: PaperProcess,
    owner: PaperAccount,
    broker: KiteBroker,
) -> None:
    paper.fault(fault, {"user_id": owner.user_id}, **extent)
    doubtful = order()
    assert isinstance(await broker.place(doubtful, 0.7), Unknown)
    if placed:
        await seen(broker, doubtful.tag, OrderStatus.COMPLETE)
    else:
        assert not [row for row in await broker.orders() if doubtful.tag in row.tags]
    assert sum(row["tag"] == doubtful.tag for row in paper.ledger()) == placed


@pytest.mark.parametrize(("fault", "cause"), [("rate_limit_429", "try_again"), ("reject_400", "final")])
async def test_a_clear_refusal_makes_no_order(
    fault: str, cause: str, paper: PaperProcess, owner: PaperAccount, broker: KiteBroker
) -> None:
    paper.fault(fault, {"user_id": owner.user_id})
    refused = order()
    outcome = await broker.place(refused, 5)
    assert isinstance(outcome, Rejected)
    assert outcome.cause == cause
    assert not [row for row in paper.ledger() if row["tag"] == refused.tag]


async def test_a_dead_token_asks_for_a_login(
    paper: PaperProcess, owner: PaperAccount, broker: KiteBroker
) -> None:
    paper.fault("token_expired", {"user_id": owner.user_id})
    outcome = await broker.place(order(), 5)
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.LOGIN
    for read in (broker.orders, broker.positions):
        with pytest.raises(LoginNeeded):
            await read()


async def test_a_cancel_of_an_unknown_order_is_refused_with_the_brokers_words(broker: KiteBroker) -> None:
    with pytest.raises(BrokerRefused) as refusal:
        await broker.cancel("1000000000000000000")
    assert str(refusal.value)
    assert refusal.value.code


async def test_quotes_carry_limits_and_leave_out_what_is_unknown(
    paper: PaperProcess, broker: KiteBroker
) -> None:
    paper.price("INFY", 1500)
    before = datetime.now(UTC)
    quotes = await broker.quotes(["NSE:INFY", "NSE:NO-SUCH", "NSE:INFY"])
    assert set(quotes) == {"NSE:INFY"}
    quote = quotes["NSE:INFY"]
    assert quote.last_price == Decimal(1500)
    assert (quote.lower_circuit, quote.upper_circuit) == (Decimal(1200), Decimal(1800))
    assert before <= quote.seen_at <= datetime.now(UTC)


async def test_no_quotes_asked_is_no_call(broker: KiteBroker) -> None:
    assert await broker.quotes([]) == {}


async def test_two_accounts_see_their_own_books(paper: PaperProcess, wire: ConnectionPool) -> None:
    first, second = (account(paper, paper.account(), wire) for _ in range(2))
    one, other = order(1), order(2)
    await asyncio.gather(first.place(one, 5), second.place(other, 5))
    await seen(first, one.tag, OrderStatus.COMPLETE)
    await seen(second, other.tag, OrderStatus.COMPLETE)
    books = [await first.orders(), await second.orders()]
    assert [[row.quantity for row in book] for book in books] == [[1], [2]]


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


@pytest.mark.parametrize("limits", [{}, {"lower_circuit_limit": 0, "upper_circuit_limit": 0}])
def test_an_index_has_no_limits(limits: dict[str, int]) -> None:
    quote = rows.quotes({"NSE:NIFTY 50": {"last_price": 26001.5, **limits}}, SEEN)["NSE:NIFTY 50"]
    assert (quote.lower_circuit, quote.upper_circuit) == (None, None)


def test_holdings_are_what_was_there_before_today_delivered_or_not_sold_or_not() -> None:
    other = {**HOLDING_ROW, "exchange": "BSE"}
    assert rows.holdings([other, HOLDING_ROW], "NSE", "TCS") == 17
    assert rows.holdings([other], "NSE", "TCS") == 0


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
        found = read([good, bad, good])
        assert [row.symbol for row in found] == ["TCS", "TCS"]
        assert found.covers("TCS") == ("tradingsymbol" in bad and bad["tradingsymbol"] == "ITC")
        assert not found.covers("ITC"), "an unread row is not an absent one"


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


@pytest.mark.parametrize("bad", [*ODD_QUOTES, {**QUOTE_ROW, "last_price": float("nan")}])
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
