"""A fill without a price is read again, until the broker states one."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

from domain.order import Attempt, BrokerOrder, Leg, LegKey, OrderStatus, OrderTerms, Reason
from domain.ports import Claimed
from domain.reconciler import UnpricedOrder
from domain.strategy import Product
from execution.missing_prices import NO_PRICE_YET, MissingPrices
from execution.order_book import is_news
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock

TERMS = OrderTerms("NSE", "TCS", Product.CNC, "zerodha:AB1234")
CLOCK = ManualClock(datetime(2026, 11, 20, 5, tzinfo=UTC))


class Fill:
    """One order that is filled without a price, in the log and at the broker."""

    def __init__(self) -> None:
        self.log = MemoryOrderLog(CLOCK)
        self.broker = MemoryBroker(CLOCK)
        self.brokers = MemoryBrokers(self.broker, connected=TERMS.account)
        self.key = LegKey(uuid4(), uuid4(), date(2026, 11, 20), 1, Leg.ENTRY)
        self.away: list[str] = []

    async def written(self) -> Attempt:
        planned = await self.log.plan(self.key, TERMS, 1, CLOCK.now())
        claim = await self.log.claim(planned, 10, Reason.BUY, CLOCK.now(), None)
        assert isinstance(claim, Claimed)
        row = BrokerOrder(
            "77",
            frozenset({planned.tag}),
            "NSE",
            "TCS",
            "CNC",
            Leg.ENTRY.side,
            10,
            10,
            None,
            OrderStatus.COMPLETE,
        )
        self.broker.book.append(row)
        return await self.log.saw(claim.attempt, row)

    async def look(self, attempt: Attempt) -> list[object]:
        found = MissingPrices(self.log, self.brokers)
        return [*await found.look_for([UnpricedOrder(attempt, TERMS)], self.away)]

    def says(self, price: str, **more: object) -> None:
        self.broker.book[0] = replace(self.broker.book[0], average_price=Decimal(price), **more)  # type: ignore[arg-type]

    @property
    def row(self) -> Attempt:
        return self.log.rows[self.key, 1]


async def test_a_price_that_came_later_is_written() -> None:
    fill = Fill()
    attempt = await fill.written()
    assert await fill.look(attempt) == []
    assert fill.row.message == NO_PRICE_YET
    fill.says("3501.25")
    assert await fill.look(fill.row) == [fill.key.strategy_id]
    assert fill.row.average_price == Decimal("3501.25")
    assert fill.row.filled_quantity == 10


async def test_a_broker_that_does_not_answer_is_asked_again_in_the_next_round() -> None:
    fill = Fill()
    attempt = await fill.written()
    fill.broker.reads_fail = True
    assert await fill.look(attempt) == []
    assert fill.away == [f"broker of {fill.key.user_id}"]
    fill.broker.reads_fail, fill.brokers.logged_in = False, False
    assert await fill.look(attempt) == []
    assert len(fill.away) == 2


async def test_a_row_that_contradicts_its_end_gives_no_price() -> None:
    fill = Fill()
    attempt = await fill.written()
    fill.says("3501.25", status=OrderStatus.CANCELLED)
    assert await fill.look(attempt) == []
    assert fill.row.status is OrderStatus.COMPLETE


async def test_a_price_alone_is_news_and_the_same_row_again_is_none() -> None:
    fill = Fill()
    attempt = await fill.written()
    assert not is_news(attempt, fill.broker.book[0])
    fill.says("3501.25")
    assert is_news(attempt, fill.broker.book[0])
    assert not is_news(replace(attempt, average_price=Decimal("3501.25")), fill.broker.book[0])
