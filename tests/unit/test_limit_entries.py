"""Entries that are bought by a LIMIT order, on fakes: what is sent, changed, cancelled, and said."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.entry_size import Buying
from domain.errors import BrokerRefused
from domain.order import Leg, LegKey, OrderStatus, OrderTerms
from domain.quote import Quote
from domain.run import Entered, EnterOrder
from domain.strategy import Outcome, Product
from domain.terms import Distance, Entry, EntryKind, Unit
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import Answer, MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.ENTRY)
TERMS = OrderTerms("NSE", "TCS", Product.CNC)
TICK = Decimal("0.05")
STOP = Decimal(80)


def chase(buffer: int = 1, most: int = 5, seconds: int = 60) -> Entry:
    distances = Distance(Decimal(buffer), Unit.POINTS), Distance(Decimal(most), Unit.POINTS)
    return Entry(EntryKind.CHASE, None, *distances, seconds)


class RunsAway(MemoryBroker):
    """A market that is two rupees further by the time a change of price arrives."""

    async def modify(self, broker_order_id: str, price: Decimal) -> None:
        self.price = max(self.price, price + 2)
        await super().modify(broker_order_id, price)


class Stubborn(RunsAway):
    """A broker that cancels nothing for a while."""

    until = NOW + timedelta(seconds=12)

    async def cancel(self, broker_order_id: str) -> None:
        if self.clock.now() < self.until:
            raise BrokerRefused("Order cannot be cancelled as it is being processed. Try later.")
        await super().cancel(broker_order_id)


class SlowPrices(RunsAway):
    """A broker that takes its time to say a price."""

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        await self.clock.sleep(0.4)
        return await super().quotes(instruments)


class Purchase:
    """One entry under way, on a clock of its own."""

    def __init__(
        self,
        entry: Entry | None,
        sell_at: datetime | None = None,
        market: type[MemoryBroker] = MemoryBroker,
    ) -> None:
        self.clock = ManualClock(NOW)
        self.broker = market(self.clock, price=Decimal(100))
        self.log = MemoryOrderLog(self.clock)
        self.order = EnterOrder(KEY, TERMS, 10, STOP, NOW, sell_at=sell_at, how=Buying(entry, tick=TICK))
        self.halt = asyncio.Event()
        self.under_way: asyncio.Task[Entered] | None = None

    async def begin(self) -> None:
        path = OrderPath.on(
            self.log,
            MemoryCache(),
            MemoryBrokers(self.broker),
            self.clock,
            MemoryTradingDays(),
            MemoryAlerts(),
            MemoryRestingStops(),
        )
        self.under_way = asyncio.ensure_future(path.entries.enter(self.order, self.halt, "worker"))
        await self.clock.settle()

    async def for_seconds(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.25)):
            await self.clock.advance(0.25)

    async def crash(self) -> None:
        """Have another worker go on from what is written."""
        assert self.under_way is not None
        self.under_way.cancel()
        await asyncio.gather(self.under_way, return_exceptions=True)
        await self.begin()

    async def ended(self) -> Entered:
        assert self.under_way is not None
        return await asyncio.wait_for(self.under_way, 5)


async def test_a_limit_is_sent_at_its_price_and_cancelled_after_its_seconds() -> None:
    buying = Purchase(Entry(EntryKind.LIMIT, Decimal(98), for_seconds=30))
    await buying.begin()
    assert [order.price for order in buying.broker.sent] == [Decimal(98)]
    await buying.for_seconds(29)
    assert not buying.under_way.done()  # type: ignore[union-attr]
    await buying.for_seconds(3)
    entered = await buying.ended()
    assert (entered.filled, entered.outcome) == (0, Outcome.SKIPPED)
    assert "nothing was filled at 98.00" in entered.detail
    assert buying.broker.moves == []


async def test_a_limit_whose_price_comes_is_bought() -> None:
    buying = Purchase(Entry(EntryKind.LIMIT, Decimal(98)))
    await buying.begin()
    await buying.for_seconds(10)
    buying.broker.trade_at(Decimal("97.5"))
    await buying.for_seconds(2)
    entered = await buying.ended()
    assert (entered.filled, entered.average_price) == (10, Decimal("97.5"))


async def test_what_was_filled_by_then_is_held() -> None:
    buying = Purchase(Entry(EntryKind.LIMIT, Decimal(98), for_seconds=20))
    buying.broker.script.append(Answer.HALF)
    await buying.begin()
    await buying.for_seconds(23)
    entered = await buying.ended()
    assert (entered.filled, entered.outcome) == (5, None)


async def test_a_price_at_the_limit_is_bought_at_once() -> None:
    buying = Purchase(chase())
    await buying.begin()
    await buying.for_seconds(1)
    assert (await buying.ended()).filled == 10
    assert buying.broker.moves == []


async def resting(buying: Purchase, runs_to: str = "102") -> None:
    """Have the price run away while the order is on its way."""
    buying.broker.script.append(Answer.REST)
    await buying.begin()
    buying.broker.price = Decimal(runs_to)


async def test_a_chase_follows_the_price_and_never_passes_its_ceiling() -> None:
    buying = Purchase(chase(1, 5, 30), market=RunsAway)
    await resting(buying)
    await buying.for_seconds(33)
    assert buying.broker.moves == [Decimal(103), Decimal(105)]
    entered = await buying.ended()
    assert (entered.filled, entered.outcome) == (0, Outcome.SKIPPED)
    assert "after 2 changes of its price, so" in entered.detail
    assert len(buying.broker.sent) == 1, "never two orders"


async def test_a_change_whose_answer_was_lost_is_looked_up_before_the_next() -> None:
    buying = Purchase(chase(1, 50, 60))
    buying.broker.move_script.extend([Answer.LOSE_ORDER, Answer.LOSE_ANSWER])
    await resting(buying, "103")
    await buying.for_seconds(2)
    assert buying.broker.moves == [Decimal(104)]
    await buying.for_seconds(4)
    assert buying.broker.moves[:2] == [Decimal(104), Decimal(104)], "not shown in its time: asked again"
    await buying.for_seconds(2)
    assert (await buying.ended()).filled == 10


@pytest.mark.parametrize("answer", [Answer.LOSE_ORDER, Answer.REFUSE])
async def test_changes_that_were_lost_are_not_said_to_be_made(answer: Answer) -> None:
    buying = Purchase(chase(1, 5, 10))
    buying.broker.move_script.extend([answer] * 20)
    await resting(buying, "103")
    await buying.for_seconds(13)
    entered = await buying.ended()
    assert len(buying.broker.moves) == 3
    assert (entered.filled, entered.outcome) == (0, Outcome.SKIPPED)
    assert entered.detail == (
        "nothing was filled at 101.00 in its time, after 3 changes of its price asked for, of which the "
        "order book has shown none, so the order was cancelled"
    )


async def test_it_changes_its_price_twenty_times_at_most() -> None:
    buying = Purchase(chase(1, 1000, 300), market=RunsAway)
    await resting(buying)
    await buying.for_seconds(60)
    assert len(buying.broker.moves) == 20
    assert buying.broker.moves == sorted(buying.broker.moves)


async def test_a_worker_that_takes_over_goes_on_within_the_same_seconds_and_ceiling() -> None:
    buying = Purchase(chase(1, 5, 30), market=RunsAway)
    await resting(buying)
    await buying.for_seconds(20)
    buying.broker.price = Decimal(200)
    await buying.crash()
    await buying.for_seconds(12)
    entered = await buying.ended()
    assert entered.outcome is Outcome.SKIPPED
    assert len(buying.broker.sent) == 1
    assert max(buying.broker.moves) == Decimal(105)


async def test_a_stop_cancels_it_and_says_what_was_filled() -> None:
    buying = Purchase(chase(1, 1000, 300), market=Stubborn)
    buying.broker.script.append(Answer.HALF)
    await buying.begin()
    buying.broker.price = Decimal(200)
    await buying.for_seconds(5)
    moves = len(buying.broker.moves)
    assert moves > 1
    buying.halt.set()
    await buying.for_seconds(10)
    assert (await buying.ended()).filled == 5
    assert buying.broker.book[0].status is OrderStatus.CANCELLED
    assert len(buying.broker.moves) == moves, "nothing is asked for after the stop"


async def test_of_two_workers_that_follow_it_one_asks_for_each_change() -> None:
    buying = Purchase(chase(1, 1000, 300), market=SlowPrices)
    buying.broker.script.append(Answer.REST)
    await buying.begin()
    await buying.for_seconds(1)
    buying.broker.price = Decimal(110)
    first = buying.under_way
    await buying.begin()
    await buying.for_seconds(6)
    (order,) = await buying.log.leg(KEY)
    assert order.move is not None
    assert order.move.number == len(buying.broker.moves) > 2
    buying.halt.set()
    await buying.for_seconds(2)
    assert first is not None
    assert (await first).filled == (await buying.ended()).filled == 0


async def test_a_limit_whose_run_leaves_is_cut_short_and_says_so() -> None:
    buying = Purchase(Entry(EntryKind.LIMIT, Decimal(98), for_seconds=90))
    await buying.begin()
    await buying.for_seconds(5)
    buying.halt.set()
    await buying.for_seconds(2)
    entered = await buying.ended()
    assert (entered.filled, entered.cut_short) == (0, True)
    assert entered.detail == "the open order at 98.00 was cancelled, and nothing of it was filled"


@pytest.mark.parametrize(
    ("entry", "answer", "outcome"),
    [
        (Entry(EntryKind.LIMIT, Decimal(98), for_seconds=90), Answer.REST, Outcome.SKIPPED),
        (chase(1, 1, 90), Answer.REST, Outcome.SKIPPED),
        (None, Answer.REST, Outcome.ORDER_FAILED),
    ],
)
async def test_an_order_that_is_cancelled_by_hand_says_that_somebody_else_did_it(
    entry: Entry | None, answer: Answer, outcome: Outcome
) -> None:
    buying = Purchase(entry)
    buying.broker.script.append(answer)
    await buying.begin()
    await buying.for_seconds(4)
    await buying.broker.cancel(buying.broker.book[0].broker_order_id)
    await buying.for_seconds(2)
    entered = await buying.ended()
    assert (entered.filled, entered.outcome, entered.cut_short) == (0, outcome, False)
    assert entered.detail.startswith("somebody else cancelled the order")
    assert "in time" not in entered.detail
    assert "in its time" not in entered.detail


async def test_what_is_held_of_an_order_cancelled_by_hand_says_who_cancelled_the_rest() -> None:
    buying = Purchase(Entry(EntryKind.LIMIT, Decimal(98), for_seconds=90))
    buying.broker.script.append(Answer.HALF)
    await buying.begin()
    await buying.for_seconds(4)
    await buying.broker.cancel(buying.broker.book[0].broker_order_id)
    await buying.for_seconds(2)
    entered = await buying.ended()
    assert (entered.filled, entered.outcome) == (5, None)
    assert entered.detail.startswith("somebody else cancelled the order")
    assert entered.detail.endswith("5 of 10 were filled")


async def test_it_ends_before_its_sale_is_due() -> None:
    buying = Purchase(chase(1, 5, 300), sell_at=NOW + timedelta(seconds=40))
    await resting(buying, "200")
    await buying.for_seconds(33)
    assert (await buying.ended()).outcome is Outcome.SKIPPED
