"""A worker keeps stops at the exchange, and sales are made of what rests: each share is sold once at most."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.kept_stop import ExitAim, KeptStop
from domain.order import BrokerOrder, Leg, LegKey, OrderRequest, OrderStatus, OrderTerms, Reason, Side
from domain.run import Exited, ExitOrder
from domain.strategy import Product
from domain.terms import Protect
from execution.execution_rules import ExecutionRules
from execution.order_path import OrderPath
from execution.stop_keeper import StopKeeper
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import Answer, MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays

TERMS = OrderTerms("NSE", "TCS", Product.MIS, protected=True)
ENTRY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 20), 1, Leg.ENTRY)
EXIT = replace(ENTRY, leg=Leg.EXIT)
STOP = Decimal(3500)


@dataclass
class House:
    """One holding of ten shares, the account at a broker in memory, and a worker that keeps its stop."""

    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.broker = MemoryBroker(self.clock, price=Decimal(3550))
        self.log = MemoryOrderLog(self.clock)
        self.stops = MemoryRestingStops(self.log.table, self.clock)
        brokers, rules = MemoryBrokers(self.broker), ExecutionRules()
        self.brokers = brokers
        self.path = OrderPath.on(
            *(self.log, MemoryCache(), brokers, self.clock, MemoryTradingDays(), MemoryAlerts(), self.stops),
            rules,
        )
        self.keeper = StopKeeper(self.path.keeping, self.path.exits, "worker")
        self.halt = asyncio.Event()

    async def bought(self) -> None:
        await self.broker.place(OrderRequest(TERMS, Side.BUY, 10, ENTRY.tag(1)), 5, 1)
        await self.log.plan(EXIT, TERMS, 1, None)
        now = self.clock.now()
        self.held = KeptStop(
            *(EXIT, TERMS, 10, 0, STOP, Decimal("0.05"), Decimal(3550), now),
            now + timedelta(hours=1),
            now + timedelta(hours=3),
        )

    @property
    def held(self) -> KeptStop:
        return self.stops.holdings[EXIT.strategy_id]

    @held.setter
    def held(self, held: KeptStop) -> None:
        self.stops.holdings[EXIT.strategy_id] = held

    async def after(self, seconds: float) -> None:
        """Let time pass in steps in which everything that is due is done."""
        for _ in range(int(seconds * 4)):
            await self.clock.advance(0.25)

    @property
    def sells(self) -> list[BrokerOrder]:
        return [row for row in self.broker.book if row.side is Side.SELL]

    @property
    def waiting(self) -> list[tuple[int, Decimal | None]]:
        return [(row.quantity, row.trigger) for row in self.sells if row.waiting and row.status is OPEN]

    def sale(self, reason: Reason = Reason.STOP, price: Decimal | None = None) -> "asyncio.Task[Exited]":
        order = ExitOrder(EXIT, TERMS, 10, reason, self.clock.now(), price)
        return asyncio.ensure_future(self.path.exits.exit(order, self.halt, "run"))

    async def hand_cancels(self) -> None:
        await self.broker.cancel(self.sells[-1].broker_order_id)
        self.held = replace(self.held, moved_at=self.clock.now())


OPEN = OrderStatus.OPEN


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    await made.bought()
    keeping = asyncio.ensure_future(made.keeper.run())
    yield made
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_stop_rests_for_what_was_filled(house: House) -> None:
    await house.after(1)
    assert house.waiting == [(10, STOP)]
    assert [shown.where for shown in house.stops.shown] == [Protect.EXCHANGE]
    assert house.stops.shown[-1].order_id == house.sells[0].broker_order_id


async def test_later_fills_get_an_order_of_their_own(house: House) -> None:
    house.held = replace(house.held, bought=6, entry_open=True)
    await house.after(1)
    house.held = replace(house.held, bought=10, entry_open=False)
    await house.after(2)
    assert house.waiting == [(6, STOP), (4, STOP)]


async def test_it_follows_a_stop_that_rises_by_a_step_and_stays_for_less(house: House) -> None:
    await house.after(1)
    house.held = replace(house.held, stop=STOP + Decimal("0.5"))
    await house.after(2)
    assert house.waiting == [(10, STOP)]
    house.held = replace(house.held, stop=STOP + 20)
    await house.after(2)
    assert house.waiting == [(10, STOP + 20)]
    assert len(house.sells) == 1


async def test_it_is_cancelled_and_placed_for_what_is_left_when_shares_are_gone(house: House) -> None:
    await house.after(1)
    house.broker.sell_by_hand(4)
    house.held = replace(house.held, missing=4)
    await house.after(4)
    assert house.waiting == [(6, STOP)]


async def test_a_sale_by_hand_shrinks_it_before_the_account_is_settled(house: House) -> None:
    await house.after(1)
    house.broker.sell_by_hand(4)
    house.held = replace(house.held, foreign_at=house.clock.now())
    await house.after(1.5)
    assert house.waiting == [(6, STOP)]
    house.held = replace(house.held, missing=4)  # the account watch has settled it
    await house.after(3)
    assert house.waiting == [(6, STOP)]


async def test_an_order_of_another_that_sells_nothing_of_it_changes_nothing(house: House) -> None:
    await house.after(1)
    house.held = replace(house.held, foreign_at=house.clock.now())
    await house.after(3)
    assert house.waiting == [(10, STOP)]
    assert len(house.sells) == 1


async def test_what_no_feed_tells_of_is_seen_within_two_seconds(house: House) -> None:
    await house.after(1)
    house.broker.sell_by_hand(4)
    await house.after(2)
    assert house.waiting == [(6, STOP)]
    await house.broker.cancel(house.sells[-1].broker_order_id)
    await house.after(2)
    assert "you cancelled" in (house.stops.shown[-1].why or "")


async def test_an_account_whose_orders_are_heard_of_is_not_asked_each_second(house: House) -> None:
    await house.after(1)
    house.held = replace(house.held, moved_at=house.clock.now())
    await house.after(2)
    await house.broker.cancel(house.sells[0].broker_order_id)
    await house.after(5)
    assert house.stops.shown[-1].where is Protect.EXCHANGE, "it is looked at each minute"


async def test_a_stop_that_cannot_be_moved_any_more_says_so(house: House) -> None:
    await house.after(1)
    for step in range(1, 24):
        house.held = replace(house.held, stop=STOP + step * 10)
        house.broker.trade_at(Decimal(4000))
        await house.after(1)
    assert house.waiting == [(10, STOP + 200)]
    assert "as often as the broker allows" in house.stops.lines[-1]


async def test_what_rests_is_said_to_rest_while_the_broker_cannot_be_asked(house: House) -> None:
    await house.after(1)
    house.broker.login_is_dead = True
    house.held = replace(house.held, moved_at=house.clock.now())
    await house.after(4)
    shown = house.stops.shown[-1]
    assert (shown.where, shown.order_id) == (Protect.EXCHANGE, house.sells[0].broker_order_id)
    assert "cannot be asked now" in (shown.why or "")
    house.broker.login_is_dead = False
    house.brokers.log_in(house.broker)
    await house.after(4)
    assert house.stops.shown[-1].why is None
    assert house.stops.told == []


async def test_a_cancel_by_hand_is_told_and_not_fought(house: House) -> None:
    await house.after(1)
    await house.hand_cancels()
    await house.after(30)
    assert house.waiting == []
    assert house.stops.shown[-1].where is Protect.SERVER
    assert "you cancelled" in (house.stops.shown[-1].why or "")


async def test_a_lost_answer_is_found_by_its_tag(house: House) -> None:
    house.broker.script.append(Answer.LOSE_ANSWER)
    await house.after(5)
    assert len(house.sells) == len(house.broker.sent) - 1 <= 1
    await house.after(5)
    assert len(house.broker.sent) == 2, "one BUY, one SELL"


async def test_a_lost_order_is_placed_again_only_when_its_horizon_has_passed(house: House) -> None:
    house.broker.script.append(Answer.LOSE_ORDER)
    await house.after(115)
    assert len(house.broker.sent) == 2
    await house.after(20)
    assert house.waiting == [(10, STOP)]


async def test_a_sale_is_what_rests_changed_to_the_market(house: House) -> None:
    await house.after(1)
    sale = house.sale()
    await house.after(3)
    exited = await sale
    assert (exited.sold, exited.held, exited.reason) == (10, 0, Reason.STOP)
    assert len(house.sells) == 1
    await house.after(5)
    assert len(house.broker.sent) == 2, "nothing is placed again"


async def test_a_change_that_is_lost_is_asked_for_again(house: House) -> None:
    await house.after(1)
    house.broker.move_script.extend([Answer.LOSE_ORDER, Answer.LOSE_ORDER])
    sale = house.sale()
    await house.after(9)
    assert (await sale).sold == 10
    assert len(house.sells) == 1


async def test_what_cannot_be_changed_is_cancelled_and_sold_anew(house: House) -> None:
    await house.after(1)
    house.broker.move_script.extend([Answer.REFUSE] * 9)
    sale = house.sale()
    await house.after(20)
    assert (await sale).sold == 10
    assert [(row.status, row.filled_quantity) for row in house.sells] == [
        (OrderStatus.CANCELLED, 0),
        (OrderStatus.COMPLETE, 10),
    ]


async def test_the_exchange_has_a_moment_to_trigger_its_own_stop_first(house: House) -> None:
    await house.after(1)
    sale = house.sale(Reason.STOPLOSS, STOP)
    await house.after(0.25)
    assert house.broker.stop_moves == []
    house.broker.trade_at(STOP - 1)
    await house.after(3)
    assert (await sale).sold == 10
    assert house.broker.stop_moves == []


async def test_a_sale_before_the_stop_was_placed_takes_its_place(house: House) -> None:
    await house.stops.begin_exit(EXIT, ExitAim.SELL)
    sale = house.sale()
    await house.after(3)
    assert (await sale).sold == 10
    assert [(row.waiting, row.filled_quantity) for row in house.sells] == [(False, 10)]


async def test_settling_releases_what_rests(house: House) -> None:
    await house.after(1)
    order = ExitOrder(EXIT, TERMS, 10, Reason.STOP, house.clock.now())
    settling = asyncio.ensure_future(house.path.exits.settle(order))
    await house.after(3)
    assert ((await settling).sold, house.waiting) == (0, [])
    await house.after(5)
    assert [row.status for row in house.sells] == [OrderStatus.CANCELLED]


async def test_it_sells_at_its_second_ahead_of_its_run(house: House) -> None:
    await house.after(1)
    house.held = replace(house.held, sell_at=house.clock.now() + timedelta(seconds=10))
    await house.after(9)
    assert house.waiting == [(10, STOP)]
    await house.after(3)
    assert [(row.status, row.filled_quantity) for row in house.sells] == [(OrderStatus.COMPLETE, 10)]


async def test_nothing_held_at_the_second_is_sold_that_is_to_be_kept(house: House) -> None:
    house.held = replace(house.held, sell_at=house.clock.now() + timedelta(seconds=3))
    await house.after(1)
    await house.stops.begin_exit(EXIT, ExitAim.RELEASE)
    await house.after(5)
    assert sum(row.filled_quantity for row in house.sells) == 0


async def test_a_sale_begins_by_keeping_others_from_placing_a_stop(house: House) -> None:
    house.broker.script.append(Answer.REFUSE)  # the stop was refused, and is placed again soon
    await house.after(1)
    house.broker.script.append(Answer.REFUSE)
    sale = house.sale()
    await house.after(30)
    sale.cancel()
    assert house.stops.table.aims[EXIT] is ExitAim.SELL
    assert [row.waiting for row in house.sells if row.status is OPEN] == []


async def test_a_sale_that_is_called_off_while_it_reads_the_account_sells_nothing(house: House) -> None:
    await house.after(1)
    house.broker.reads_fail = True
    sale = house.sale()
    await house.after(1)
    house.halt.set()
    house.broker.reads_fail = False
    await house.after(5)
    assert (await sale).sold == 0
    assert house.broker.stop_moves == []
    assert [row.status for row in house.sells] == [OrderStatus.CANCELLED]


async def test_what_the_exchange_takes_away_is_told_and_placed_again(house: House) -> None:
    await house.after(1)
    house.broker.book = [
        replace(row, status=OrderStatus.CANCELLED, message="self trade prevention") if row.waiting else row
        for row in house.broker.book
    ]
    house.held = replace(house.held, moved_at=house.clock.now())
    await house.after(2)
    (told,) = house.stops.told
    assert "No stop rests at the exchange for TCS" in told
    await house.after(10)
    assert house.waiting == [(10, STOP)]


@pytest.fixture
async def overnight() -> AsyncIterator[House]:
    """A stop that was placed 30 s before midnight at the exchange, and a book that forgets it there."""
    made = House(ManualClock(datetime(2026, 11, 20, 18, 29, 30, tzinfo=UTC)))
    await made.bought()
    keeping = asyncio.ensure_future(made.keeper.run())
    await made.after(1)
    assert made.waiting == [(10, STOP)]
    made.broker.book = [row for row in made.broker.book if not row.waiting]
    yield made
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_stop_of_yesterday_is_over_and_another_is_placed(overnight: House) -> None:
    await overnight.after(40)
    overnight.held = replace(overnight.held, moved_at=overnight.clock.now())
    await overnight.after(3)
    assert overnight.waiting == [(10, STOP)]
    assert [row.status for row in await overnight.log.leg(EXIT)] == [OrderStatus.CANCELLED, OPEN]


async def test_a_stop_of_yesterday_holds_up_no_sale(overnight: House) -> None:
    await overnight.stops.begin_exit(EXIT, ExitAim.RELEASE)
    await overnight.after(40)
    sale = overnight.sale()
    await overnight.after(5)
    assert (await sale).sold == 10
