"""The Kite broker against the paper exchange."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.process.clock import SystemClock
from domain.errors import BrokerRefused, LoginNeeded
from domain.order import BrokerOrder, OrderRequest, OrderStatus, OrderTerms, Side
from domain.outcome import Accepted, Cause, Rejected, Unknown
from domain.strategy import Product
from tests.paper_process import PaperAccount, PaperProcess

TCS = OrderTerms("NSE", "TCS", Product.CNC)
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
