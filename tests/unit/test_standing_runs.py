"""A worker sells what a run that stands still was to sell, once, and says so once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.order import Leg, LegKey, OrderRequest, OrderTerms, Reason, Side
from domain.overdue import DueStep, OverdueRun, StandingRun, Step, overdue_words, still_due_words
from domain.run import EnterOrder, ExitOrder
from domain.strategy import Product
from execution.order_path import OrderPath
from execution.standing_runs import PAUSES, StandingRuns
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import Answer, MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.overdue_runs import MemoryOverdueRuns
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays

NOW = datetime(2026, 11, 23, 9, 45, tzinfo=UTC)
DAY = date(2026, 11, 23)
ID, USER, START = UUID(int=1), UUID(int=2), UUID(int=3)
TERMS = OrderTerms("NSE", "TCS", Product.MIS)
ENTRY, EXIT = (LegKey(ID, USER, DAY, 1, leg) for leg in (Leg.ENTRY, Leg.EXIT))
BUY = EnterOrder(ENTRY, TERMS, 10, Decimal(900), NOW)
SALE = ExitOrder(EXIT, TERMS, 10, Reason.SELL, NOW)
LATE = OverdueRun(ID, USER, START, "strategy-1", "a@b.example", "NSE", "TCS", "MIS", Step.SALE, NOW, 10)


@dataclass
class Floor:
    """A run that holds ten shares and stands still; two workers look after it."""

    clock: ManualClock
    broker: MemoryBroker
    runs: MemoryOverdueRuns = field(default_factory=MemoryOverdueRuns)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)

    @property
    def path(self) -> OrderPath:
        return self._path

    def __post_init__(self) -> None:
        self.log = MemoryOrderLog(self.clock)
        self.brokers = MemoryBrokers(self.broker)
        self._path = OrderPath.on(
            self.log,
            MemoryCache(),
            self.brokers,
            self.clock,
            MemoryTradingDays(),
            self.alerts,
            MemoryRestingStops(),
        )
        self.workers = [
            StandingRuns(self.runs, self._path.entries, self._path.exits, self.alerts, self.clock, name)
            for name in ("first", "second")
        ]

    def sides(self) -> list[Side]:
        return [order.side for order in self.broker.sent]

    def told(self) -> list[str]:
        return [alarm.kind for alarm in self.alerts.raised]


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    clock = ManualClock(NOW)
    made = Floor(clock, MemoryBroker(clock))
    buying = asyncio.ensure_future(made.path.entries.enter(BUY, asyncio.Event(), "run"))
    await clock.settle()
    await clock.advance(2)
    assert (await buying).filled == 10
    tasks = [asyncio.create_task(worker.run()) for worker in made.workers]
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_it_holds_is_sold_once_by_two_workers(floor: Floor) -> None:
    floor.runs.stand.append(StandingRun(ID, None, SALE))
    await floor.clock.advance(10)
    assert floor.sides() == [Side.BUY, Side.SELL]
    assert (await floor.log.leg(EXIT))[0].filled_quantity == 10


async def test_what_a_worker_without_postgres_has_sold_is_found_and_not_sold_again(floor: Floor) -> None:
    """It sold while the broker did not answer this one; both go on when the broker comes back."""
    floor.broker.reads_fail = True
    floor.runs.stand.append(StandingRun(ID, None, SALE))
    await floor.clock.advance(20)
    floor.broker.reads_fail = False
    await floor.clock.advance(1.5)
    await floor.broker.place(OrderRequest(TERMS, Side.SELL, 10, EXIT.tag(1000)), 5, 1)
    await floor.clock.advance(60)
    assert floor.sides() == [Side.BUY, Side.SELL], "the other one's alone"


async def test_what_was_asked_just_now_leaves_without_a_long_look(floor: Floor) -> None:
    stop = replace(SALE, reason=Reason.STOP)
    floor.runs.stand.append(StandingRun(ID, None, stop, at_once=True))
    await floor.clock.advance(1)
    assert floor.sides() == [Side.BUY, Side.SELL]


async def test_what_the_user_sold_by_hand_meanwhile_is_not_sold_again(floor: Floor) -> None:
    floor.broker.sell_by_hand(10)
    floor.runs.stand.append(StandingRun(ID, None, SALE))
    await floor.clock.advance(60)
    assert floor.sides() == [Side.BUY]


async def test_a_refused_sale_is_tried_again_and_not_every_second(floor: Floor) -> None:
    floor.broker.script.extend([Answer.REFUSE] * 30)
    floor.runs.stand.append(StandingRun(ID, None, SALE))
    await floor.clock.advance(PAUSES[0] * 0.9)
    assert floor.sides().count(Side.SELL) <= 2, "one of each worker"
    await floor.clock.advance(600)
    assert 2 < floor.sides().count(Side.SELL) <= 2 * (len(PAUSES) + 1)


async def test_a_sale_waits_for_its_login_and_is_left_where_the_run_has_ended(floor: Floor) -> None:
    floor.brokers.logged_in = False
    floor.runs.stand.append(StandingRun(ID, None, SALE))
    await floor.clock.advance(60)
    assert "exit_needs_login" in floor.told()
    floor.runs.stopped.add(ID)
    await floor.clock.advance(2)
    floor.brokers.logged_in = True
    await floor.clock.advance(60)
    assert floor.sides() == [Side.BUY]


async def test_it_is_told_once_by_all_workers(floor: Floor) -> None:
    floor.runs.late.append(LATE)
    await floor.clock.advance(30)
    assert floor.told() == ["run_overdue"]
    assert floor.alerts.raised[0].user_id == USER
    assert "stands still" in floor.alerts.raised[0].text


@pytest.mark.parametrize(
    ("step", "held", "exiting", "words"),
    [
        (Step.SALE, 10, False, "10 TCS were to be sold at 15:15 and are still held: its run stands still"),
        (Step.SALE, 10, True, "10 TCS were to be sold at 15:15 and are still held: their sale goes on"),
        (Step.BUY, 0, False, "TCS was to be bought at 15:15, and its run stands still"),
        (
            Step.STOP,
            10,
            False,
            "10 TCS were to be sold by STOP, a kill switch or a limit",
        ),
        (Step.STOP, 0, False, "TCS was to be stopped at 15:15"),
        (Step.END, 0, False, "All TCS is sold since 15:15"),
        (
            Step.AGAIN,
            0,
            False,
            "All TCS is sold. It was to be bought again, or to end, by 15:15, and its run",
        ),
    ],
)
def test_what_is_said_of_a_run_is_what_is_so(step: Step, held: int, exiting: bool, words: str) -> None:
    run = OverdueRun(
        ID, USER, START, "strategy-1", "a@b.example", "NSE", "TCS", "MIS", step, NOW, held, exiting
    )
    assert overdue_words(run).startswith(words)


def test_nothing_is_promised_of_a_stopped_run_that_may_still_buy() -> None:
    stopped = replace(LATE, step=Step.STOP, held=0)
    assert "Nothing is bought" in overdue_words(stopped)
    for may_buy in (replace(stopped, buying=True), replace(stopped, again=True)):
        assert "Nothing is bought" not in overdue_words(may_buy)


def test_the_user_is_told_what_to_do() -> None:
    words = still_due_words(DueStep(Step.SALE, NOW + timedelta(seconds=5)), "TCS", 10)
    assert words.startswith("10 TCS were to be sold at 15:15:05 and are still held.")
    assert "sell them at the broker" in words
