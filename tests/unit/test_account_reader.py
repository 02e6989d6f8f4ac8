"""Reading the account before a sale: again while the books may change, never for ever."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from domain.errors import LoginNeeded
from domain.order import BrokerOrder, Leg, LegKey, OrderStatus, OrderTerms, Reason, Side
from domain.sellable import STEADY, OtherClaims
from domain.strategy import Product
from execution.account_snapshot import AccountSnapshots, NotCovered
from execution.order_intent import OrderIntent
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.EXIT)
STOP = OrderIntent(KEY, OrderTerms("NSE", "TCS", Product.MIS), 10, Reason.STOPLOSS, NOW, patience=2)
PATIENT = replace(STOP, reason=Reason.STOP, patience=None)


def purchase(product: str = "MIS") -> BrokerOrder:
    return BrokerOrder(
        *("1", frozenset(), "NSE", "TCS", product, Side.BUY, 10, 10),
        Decimal(3500),
        OrderStatus.COMPLETE,
    )


class CountingHoldings(MemoryBroker):
    """Counts the questions for holdings."""

    asked = 0

    async def holdings(self, exchange: str, symbol: str) -> int:
        self.asked += 1
        return await super().holdings(exchange, symbol)


class Desk:
    """One account, its reader, and a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.broker = MemoryBroker(self.clock, book=[purchase()])
        self.log = MemoryOrderLog(self.clock)
        self.brokers = MemoryBrokers(self.broker)
        self.reader = AccountSnapshots(self.log, self.brokers, self.clock)

    async def sellable(self, intent: OrderIntent, seconds: float, halted: bool = False) -> object:
        """Return what is found within so many seconds; "waiting" where nothing is."""
        halt = asyncio.Event()
        asking = asyncio.ensure_future(self.reader.sellable(intent, 10, self.broker, halt))
        await self.clock.advance(seconds)
        if halted:
            halt.set()
            await self.clock.advance(1)
        if asking.done():
            return asking.result()
        asking.cancel()
        return "waiting"


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_all_is_sold_at_once_when_the_account_shows_all(desk: Desk) -> None:
    assert await desk.sellable(STOP, 0) == 10


@pytest.mark.parametrize("intent", [STOP, PATIENT])
@pytest.mark.parametrize(("by_hand", "left"), [(10, 0), (4, 6)])
async def test_what_was_sold_by_hand_is_not_sold_again(
    desk: Desk, intent: OrderIntent, by_hand: int, left: int
) -> None:
    desk.broker.sell_by_hand(by_hand)
    assert await desk.sellable(intent, 0) == "waiting", "one look may be at a book that lags"
    assert await desk.sellable(intent, 1) == left


@pytest.mark.parametrize("intent", [STOP, PATIENT])
async def test_a_position_book_that_lags_is_not_an_empty_account(desk: Desk, intent: OrderIntent) -> None:
    desk.broker.positions_lag = True
    assert await desk.sellable(intent, STEADY - 1) == "waiting"
    desk.broker.positions_lag = False
    assert await desk.sellable(intent, 0) == 10


@pytest.mark.parametrize("intent", [STOP, PATIENT, replace(STOP, reason=Reason.SELL, patience=10)])
async def test_what_the_account_plainly_lacks_is_never_sold_however_the_order_book_disagrees(
    desk: Desk, intent: OrderIntent
) -> None:
    desk.broker.sell_by_hand(10)
    desk.broker.hidden = {Side.SELL}
    assert await desk.sellable(intent, STEADY - 1) == "waiting"
    assert await desk.sellable(intent, STEADY + 1) == 0


async def test_what_is_left_is_sold_in_time_though_the_order_book_disagrees(desk: Desk) -> None:
    desk.broker.sell_by_hand(4)
    desk.broker.hidden = {Side.SELL}
    assert await desk.sellable(STOP, 1) == "waiting"
    assert await desk.sellable(STOP, 2) == 6


async def test_an_account_that_was_read_once_is_not_sold_blindly_later(desk: Desk) -> None:
    desk.broker.sell_by_hand(10)
    desk.broker.hidden = {Side.SELL}
    asking = asyncio.ensure_future(desk.reader.sellable(STOP, 10, desk.broker, asyncio.Event()))
    await desk.clock.advance(0.5)
    desk.broker.reads_fail = True
    await desk.clock.advance(60)
    assert not asking.done()
    asking.cancel()


async def test_shares_are_not_called_gone_while_another_strategys_order_is_on_its_way(desk: Desk) -> None:
    desk.log.claims = OtherClaims(10, in_flight=True)
    assert await desk.sellable(PATIENT, 60) == "waiting"
    desk.log.claims = OtherClaims(0)
    assert await desk.sellable(PATIENT, 0) == 10


async def test_a_stop_sells_all_when_the_account_cannot_be_read_in_time_and_others_wait(desk: Desk) -> None:
    desk.broker.reads_fail = True
    assert await desk.sellable(STOP, 1) == "waiting"
    assert await desk.sellable(STOP, 2) == 10
    assert "could not be read" in next(iter(desk.log.lines.values())), "the user is told"
    assert await desk.sellable(PATIENT, 300) == "waiting"
    assert await desk.sellable(PATIENT, 1, halted=True) is None


async def test_a_dead_login_is_noted_and_said(desk: Desk) -> None:
    desk.broker.login_is_dead = True
    with pytest.raises(LoginNeeded):
        await desk.sellable(PATIENT, 1)
    assert not desk.brokers.logged_in


async def test_a_claimed_stop_is_not_held_up_for_longer_than_its_claim(desk: Desk) -> None:
    desk.broker.reads_fail = True
    covered = asyncio.ensure_future(desk.reader.ensure_covered(STOP, desk.broker))
    await desk.clock.advance(2)
    assert covered.done()
    assert covered.exception() is None
    with pytest.raises(NotCovered):
        await desk.reader.ensure_covered(replace(STOP, reason=Reason.SELL), desk.broker)


async def test_a_claimed_sale_is_left_to_its_run_when_the_account_shows_less(desk: Desk) -> None:
    await desk.reader.ensure_covered(STOP, desk.broker)
    desk.broker.sell_by_hand(1)
    with pytest.raises(NotCovered, match="9 of the 10"):
        await desk.reader.ensure_covered(STOP, desk.broker)


async def test_own_shares_of_before_today_cost_a_sale_no_further_question() -> None:
    desk = Desk()
    broker = desk.broker = CountingHoldings(desk.clock, book=[purchase("CNC")])
    intent = replace(STOP, terms=replace(STOP.terms, product=Product.CNC))
    broker.held_before = 10
    desk.log.claims = OtherClaims(baseline=10, holdings=10)
    assert await desk.sellable(intent, 0) == 10
    assert broker.asked == 0
    broker.sell_by_hand(10)
    assert await desk.sellable(intent, 1) == 0, "the ten that are left were there before"
    assert broker.asked > 0
