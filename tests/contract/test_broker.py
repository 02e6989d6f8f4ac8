"""What every broker account promises: Kite's, on the paper exchange, and the one in memory."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import uuid4

import pytest

from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.process.clock import SystemClock
from domain.broker_charges import ChargedOrder
from domain.charge_check import AccountRounds, differences, to_check
from domain.errors import BrokerRefused, LoginNeeded
from domain.margin import MarginOrder
from domain.order import BrokerOrder, OrderRequest, OrderStatus, OrderTerms, Side
from domain.outcome import Accepted, Cause, PlaceOutcome, Rejected, Unknown
from domain.ports import Broker
from domain.stop_prices import OrderKind, StopPrices
from domain.strategy import Product
from tests.fakes.broker import Answer, MemoryBroker
from tests.paper_process import PaperProcess
from tests.unit.test_books import MONDAY, finished, trade

INFY = OrderTerms("NSE", "INFY", Product.CNC)
PRICE, CLOSE = Decimal(1500), Decimal(1540)
"""What it costs now, and cost at the close of the day before."""
_tags = itertools.count()

FAULTS: dict[Answer, tuple[str, dict[str, float]]] = {
    Answer.HALF: ("partial_fill", {"fraction": 0.5}),
    Answer.REJECT_LATER: ("reject_async", {}),
    Answer.REFUSE: ("rate_limit_429", {}),
    Answer.REJECT: ("reject_400", {}),
    Answer.LOSE_ANSWER: ("accept_then_hang", {}),
    Answer.LOSE_ORDER: ("hang_without_accept", {}),
    Answer.DEAD_LOGIN: ("token_expired", {}),
}
"""What a test's script says of the next order, in the words of the paper exchange."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An account, and what says the fate of its next order."""

    broker: Broker
    script: Callable[[Answer], None]
    pause: float
    """Seconds between two looks at the books: Kite answers ten a second."""

    async def place(self, quantity: int = 10, side: Side = Side.BUY, timeout: float = 5) -> PlaceOutcome:
        return await self.broker.place(OrderRequest(INFY, side, quantity, tag()), timeout, 5)

    async def seen(self, order: OrderRequest, status: OrderStatus) -> BrokerOrder:
        """Wait until the order book shows an order in that state."""
        async with asyncio.timeout(20):
            while True:
                for row in await self.broker.orders():
                    if order.tag in row.tags and row.status is status:
                        return row
                await asyncio.sleep(self.pause)


def tag() -> str:
    return f"CONTRACT{next(_tags)}"


def order(quantity: int = 10, side: Side = Side.BUY) -> OrderRequest:
    return OrderRequest(INFY, side, quantity, tag())


@pytest.fixture(scope="module")
def pool() -> Iterator[ConnectionPool]:
    made = ConnectionPool()
    yield made
    made.close()


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperProcess]:
    with PaperProcess("--seed", "7") as process:
        yield process


@pytest.fixture
def in_memory() -> Subject:
    broker = MemoryBroker(SystemClock(), PRICE, CLOSE)
    return Subject(broker, broker.script.append, 0)


@pytest.fixture
def on_paper(paper: PaperProcess, pool: ConnectionPool) -> Subject:
    paper.clear_faults()
    paper.price("INFY", float(PRICE))
    owner = paper.account(cash=1_000_000)
    client = KiteClient(owner.api_key, owner.access_token, paper.url, pool)

    def script(answer: Answer) -> None:
        kind, extent = FAULTS[answer]
        paper.fault(kind, {"user_id": owner.user_id}, **extent)

    return Subject(KiteBroker(client, SystemClock(), 1), script, 0.15)


@pytest.fixture(params=["in_memory", "on_paper"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_a_filled_order_is_in_both_books_under_its_tag(subject: Subject) -> None:
    bought = order()
    outcome = await subject.broker.place(bought, 5, 5)
    assert isinstance(outcome, Accepted)
    row = await subject.seen(bought, OrderStatus.COMPLETE)
    assert (row.broker_order_id, row.side, row.symbol) == (outcome.broker_order_id, Side.BUY, "INFY")
    assert (row.quantity, row.filled_quantity, row.open_quantity) == (10, 10, 0)
    assert row.average_price is not None
    (position,) = await subject.broker.positions()
    assert (position.symbol, position.product, position.quantity) == ("INFY", "CNC", 10)


async def test_what_was_sold_again_is_a_position_of_zero_with_both_quantities(subject: Subject) -> None:
    for one in (order(), order(side=Side.SELL)):
        assert isinstance(await subject.broker.place(one, 5, 5), Accepted)
        await subject.seen(one, OrderStatus.COMPLETE)
    (position,) = await subject.broker.positions()
    assert (position.quantity, position.day_buy_quantity, position.day_sell_quantity) == (0, 10, 10)


async def test_a_cancelled_order_keeps_what_it_filled(subject: Subject) -> None:
    subject.script(Answer.HALF)
    part = order()
    outcome = await subject.broker.place(part, 5, 5)
    assert isinstance(outcome, Accepted)
    row = await subject.seen(part, OrderStatus.OPEN)
    assert row.open_quantity == 10 - row.filled_quantity
    await subject.broker.cancel(outcome.broker_order_id)
    row = await subject.seen(part, OrderStatus.CANCELLED)
    assert (row.filled_quantity, row.open_quantity) == (5, 0)


async def test_an_accepted_order_may_be_rejected_later_with_a_reason(subject: Subject) -> None:
    subject.script(Answer.REJECT_LATER)
    refused = order()
    assert isinstance(await subject.broker.place(refused, 5, 5), Accepted)
    row = await subject.seen(refused, OrderStatus.REJECTED)
    assert (row.filled_quantity, row.average_price) == (0, None)
    assert row.message


@pytest.mark.parametrize(
    ("answer", "cause"), [(Answer.REFUSE, Cause.TRY_AGAIN), (Answer.REJECT, Cause.FINAL)]
)
async def test_a_clear_refusal_makes_no_order(subject: Subject, answer: Answer, cause: Cause) -> None:
    subject.script(answer)
    outcome = await subject.place()
    assert isinstance(outcome, Rejected)
    assert outcome.cause is cause
    assert outcome.message
    assert list(await subject.broker.orders()) == []


@pytest.mark.parametrize(("answer", "placed"), [(Answer.LOSE_ANSWER, True), (Answer.LOSE_ORDER, False)])
async def test_no_answer_is_unknown_and_the_order_book_tells(
    subject: Subject, answer: Answer, placed: bool
) -> None:
    subject.script(answer)
    doubtful = order()
    assert isinstance(await subject.broker.place(doubtful, 0.7, 5), Unknown)
    if placed:
        await subject.seen(doubtful, OrderStatus.COMPLETE)
    else:
        assert list(await subject.broker.orders()) == []


async def test_a_dead_login_is_no_refusal_of_the_order(subject: Subject) -> None:
    subject.script(Answer.DEAD_LOGIN)
    outcome = await subject.place()
    assert isinstance(outcome, Rejected)
    assert outcome.cause is Cause.LOGIN


async def test_quotes_have_a_price_and_its_limits(subject: Subject) -> None:
    found = await subject.broker.quotes(["NSE:INFY"])
    quote = found["NSE:INFY"]
    limits = (Decimal(1200), Decimal(1800))
    assert (quote.last_price, (quote.lower_circuit, quote.upper_circuit)) == (PRICE, limits)
    assert quote.previous_close == CLOSE
    assert dict(await subject.broker.quotes([])) == {}


async def test_what_an_order_would_block_and_what_is_free(subject: Subject) -> None:
    orders = [MarginOrder("NSE", "INFY", product, Side.BUY, 10) for product in (Product.CNC, Product.MIS)]
    assert list(await subject.broker.order_margins(orders)) == [Decimal(15000), Decimal(3000)]
    limit = MarginOrder("NSE", "INFY", Product.CNC, Side.BUY, 10, Decimal("1490.5"))
    assert list(await subject.broker.order_margins([limit])) == [Decimal(14905)]
    assert await subject.broker.margins() == Decimal(1_000_000)
    assert list(await subject.broker.orders()) == []


WORKED = [
    # Product, side, rupees of value, then brokerage, STT, exchange, SEBI, stamp, GST: NSE, FY 2026-27.
    (Product.CNC, Side.BUY, 100_000, "0 100 3.07 0.1 15 0.5706"),
    (Product.CNC, Side.SELL, 101_000, "0 101 3.1007 0.101 0 0.576306"),
    (Product.MIS, Side.BUY, 100_000, "20 0 3.07 0.1 3 4.1706"),
    (Product.MIS, Side.SELL, 101_000, "20 25.25 3.1007 0.101 0 4.176306"),
]


async def test_the_charges_of_orders_are_unrounded_and_by_part(subject: Subject) -> None:
    orders = [
        ChargedOrder("NSE", "INFY", product, side, 64, Decimal(value) / 64)
        for product, side, value, _ in WORKED
    ]
    for answer, (*_, worked) in zip(await subject.broker.order_charges(orders), WORKED, strict=True):
        parts = (answer.brokerage, answer.stt, answer.exchange, answer.sebi, answer.stamp, answer.gst)
        expected = [Decimal(part) for part in worked.split()]
        assert [round(part, 6) for part in parts] == expected
        assert round(answer.total, 6) == sum(expected)
    assert list(await subject.broker.orders()) == []


@pytest.mark.parametrize("product", [Product.CNC, Product.MIS])
@pytest.mark.parametrize("exchange", ["NSE", "BSE"])
async def test_the_books_agree_with_what_the_broker_charges(
    subject: Subject, exchange: str, product: Product
) -> None:
    """The paper exchange computes by a table of its own."""
    trades = (trade(Side.BUY, 301, "1500.123333"), trade(Side.SELL, 120, "1499.05"))
    one = finished(*trades, symbol="INFY", exchange=exchange, product=product)
    of = AccountRounds(uuid4(), one.account, MONDAY, (one,), frozenset({one.key}))
    (group,) = to_check(of)
    answers = await subject.broker.order_charges(group.orders)
    assert differences(group.booked, group.orders, answers) == ()
    assert group.booked.total > 0


async def test_charges_that_the_broker_does_not_answer_are_an_error(subject: Subject) -> None:
    subject.script(Answer.DEAD_LOGIN)
    await subject.place()
    if isinstance(subject.broker, MemoryBroker):
        subject.broker.login_is_dead = True
    with pytest.raises(LoginNeeded):
        await subject.broker.order_charges([ChargedOrder("NSE", "INFY", Product.CNC, Side.BUY, 1, PRICE)])


async def test_shares_that_were_bought_leave_less_for_the_next_order(subject: Subject) -> None:
    bought = order()
    await subject.broker.place(bought, 5, 5)
    row = await subject.seen(bought, OrderStatus.COMPLETE)
    assert row.average_price is not None
    assert await subject.broker.margins() == 1_000_000 - 10 * row.average_price


async def test_nothing_is_held_that_was_not_there_before_today(subject: Subject) -> None:
    assert await subject.broker.holdings("NSE", "INFY") == 0
    await subject.place()
    assert await subject.broker.holdings("NSE", "INFY") == 0


async def test_an_account_that_is_warmed_has_sent_nothing(subject: Subject) -> None:
    await subject.broker.warm()
    assert list(await subject.broker.orders()) == []


async def test_books_that_cannot_be_read_are_not_empty(subject: Subject) -> None:
    """A dead login, as every account meets it each morning."""
    subject.script(Answer.DEAD_LOGIN)
    await subject.place()
    if isinstance(subject.broker, MemoryBroker):
        subject.broker.login_is_dead = True
    for read in (subject.broker.orders, subject.broker.positions, subject.broker.margins):
        with pytest.raises(LoginNeeded):
            await read()


async def rest(subject: Subject, price: str) -> tuple[OrderRequest, BrokerOrder]:
    """Place a BUY at a limit below the price; return it as the order book shows it."""
    asked = OrderRequest(INFY, Side.BUY, 10, tag(), Decimal(price))
    assert isinstance(await subject.broker.place(asked, 5, 5), Accepted)
    return asked, await subject.seen(asked, OrderStatus.OPEN)


async def test_a_limit_rests_at_its_price_until_it_is_raised_to_the_markets(subject: Subject) -> None:
    asked, row = await rest(subject, "1490")
    assert (row.order_type, row.price, row.filled_quantity) == ("LIMIT", Decimal(1490), 0)
    await subject.broker.modify(row.broker_order_id, Decimal("1495.5"))
    row = await subject.seen(asked, OrderStatus.OPEN)
    assert (row.price, row.quantity) == (Decimal("1495.5"), 10)
    await subject.broker.modify(row.broker_order_id, Decimal(1510))
    row = await subject.seen(asked, OrderStatus.COMPLETE)
    assert row.filled_quantity == 10
    assert row.average_price is not None
    assert row.average_price <= 1510


async def test_what_is_over_cannot_be_changed_and_is_not(subject: Subject) -> None:
    asked, row = await rest(subject, "1490")
    await subject.broker.cancel(row.broker_order_id)
    await subject.seen(asked, OrderStatus.CANCELLED)
    with contextlib.suppress(BrokerRefused):
        await subject.broker.modify(row.broker_order_id, Decimal(1510))
    assert (await subject.seen(asked, OrderStatus.CANCELLED)).filled_quantity == 0


def kept_stop(trigger: str, limit: str | None = None) -> StopPrices:
    kind = OrderKind.SL_M if limit is None else OrderKind.SL
    return StopPrices(kind, Decimal(trigger), None if limit is None else Decimal(limit))


async def protect(subject: Subject, stop: StopPrices) -> tuple[OrderRequest, BrokerOrder]:
    """Buy ten shares and place their stop; return it as the order book shows it."""
    await subject.place()
    asked = OrderRequest(INFY, Side.SELL, 10, tag(), stop=stop)
    assert isinstance(await subject.broker.place(asked, 5, 5), Accepted)
    return asked, await subject.seen(asked, OrderStatus.OPEN)


@pytest.mark.parametrize("stop", [kept_stop("1480"), kept_stop("1480", "1443")])
async def test_a_stop_rests_with_its_trigger_is_moved_and_sold_by_one_order(
    subject: Subject, stop: StopPrices
) -> None:
    asked, row = await protect(subject, stop)
    assert (row.order_type, row.waiting, row.trigger) == (stop.kind, True, Decimal(1480))
    assert (row.price, row.filled_quantity) == (stop.limit, 0)
    higher = replace(stop, trigger=Decimal(1490), limit=stop.limit and Decimal(1453))
    await subject.broker.modify_stop(row.broker_order_id, higher)
    row = await subject.seen(asked, OrderStatus.OPEN)
    assert (row.waiting, row.trigger, row.price, row.quantity) == (True, Decimal(1490), higher.limit, 10)
    await subject.broker.modify_stop(row.broker_order_id, None)
    sold = await subject.seen(asked, OrderStatus.COMPLETE)
    assert (sold.broker_order_id, sold.filled_quantity) == (row.broker_order_id, 10)
    assert (sold.waiting, sold.trigger) == (False, None)
    assert [row.quantity for row in await subject.broker.positions()] == [0]


async def test_a_stop_at_the_price_is_refused_and_in_no_book(subject: Subject) -> None:
    await subject.place()
    asked = OrderRequest(INFY, Side.SELL, 10, tag(), stop=kept_stop("1500"))
    assert isinstance(await subject.broker.place(asked, 5, 5), Rejected)
    assert all(asked.tag not in row.tags for row in await subject.broker.orders())


async def test_a_stop_that_was_cancelled_is_changed_no_more(subject: Subject) -> None:
    asked, row = await protect(subject, kept_stop("1480"))
    await subject.broker.cancel(row.broker_order_id)
    await subject.seen(asked, OrderStatus.CANCELLED)
    with contextlib.suppress(BrokerRefused):
        await subject.broker.modify_stop(row.broker_order_id, None)
    assert (await subject.seen(asked, OrderStatus.CANCELLED)).filled_quantity == 0
