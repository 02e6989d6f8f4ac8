"""A series of days on the real workflow: one run after another, and what ends it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from activities.series import SeriesActivities
from adapters.temporal.connection import DATA_CONVERTER
from domain.adjusted_price import NotedClose
from domain.instrument import Segment
from domain.order import Side
from domain.run import RUN_VERSION, RunView, StartRun, workflow_id
from domain.series import SeriesEnd, next_plan
from domain.session import exchange_time
from domain.strategy import OnStop, Outcome, Strategy
from domain.terms import WEEK, Repeat, Terms
from execution.closing_prices import ClosingPrices
from execution.series_days import SeriesDays
from tests.conftest import time_skipping_server
from tests.fakes.instruments import listing_nothing
from tests.fakes.noted_closes import MemoryNotedCloses
from tests.fakes.series import MemorySeries, SeriesOf
from tests.fakes.trading_days import SameEveryDay
from tests.workflow.conftest import with_attributes
from tests.workflow.day import Run, TestDay, in_phase, until
from workflows.client import TemporalOpenRuns
from workflows.sandbox import workflow_runner
from workflows.strategy_run import StrategyRun

DAYS = Terms(repeat=Repeat(WEEK))


@pytest.fixture
async def env() -> AsyncIterator[WorkflowEnvironment]:
    """A server for each test: it is exact with one run at a time, and a series leaves the next one behind."""
    async with await time_skipping_server() as server:
        yield await with_attributes(server)


@dataclass
class TestSeries(TestDay):
    """A strategy that repeats, with its runs on the server."""

    env: WorkflowEnvironment | None = None
    series: MemorySeries = field(default_factory=MemorySeries)
    noted: MemoryNotedCloses = field(default_factory=MemoryNotedCloses)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.strategy = Strategy(
            uuid4(), uuid4(), "TCS", time(9, 30), time(15, 0), Decimal(3400), 10, terms=DAYS
        )
        self.series.runs = self.store

    def closing_prices(self) -> ClosingPrices:
        self.series.closes = self.noted
        return ClosingPrices(self.noted, self.brokers, self.days, self.alerts, self.clock)

    def activities(self) -> Sequence[Callable[..., object]]:
        assert self.env is not None
        days = SeriesDays(self.series, self.days, self.clock, self.closing_prices(), listing_nothing())
        runs = TemporalOpenRuns(self.env.client, self.task_queue)
        series = SeriesActivities(days, runs, self.cache, self.alerts)
        return [*super().activities(), series.end_day, series.begin_next, series.plan_anew]

    @property
    def row(self) -> SeriesOf:
        return self.series.rows[self.strategy.strategy_id]

    def run_of(self, day: date) -> Run:
        assert self.env is not None
        return self.env.client.get_workflow_handle_for(
            StrategyRun.run, workflow_id(self.strategy.strategy_id, day)
        )

    async def press(self) -> Run:
        """START: the next day on which 09:30 is ahead."""
        assert self.env is not None
        now = await self.env.get_current_time()
        plan = next_plan(self.strategy, SameEveryDay(), Segment.CASH, None, (), now)
        assert plan is not None
        start = StartRun(
            uuid4(),
            self.strategy,
            replace(plan, closes_at=plan.sell_at + timedelta(hours=1)),
            version=RUN_VERSION,
            account=self.brokers.connected,
            series_id=uuid4(),
        )
        self.series.started(start)
        return await self.env.client.start_workflow(
            StrategyRun.run,
            start,
            id=workflow_id(self.strategy.strategy_id, plan.trading_day),
            task_queue=self.task_queue,
            execution_timeout=timedelta(days=3),
        )

    def bought_on(self) -> list[date]:
        """Return the days on which it bought."""
        sent = [row.sent_at for row in self.log.rows.values() if row.key.leg == "entry" and row.sent_at]
        return sorted(exchange_time(instant).date() for instant in sent)


@asynccontextmanager
async def working(env: WorkflowEnvironment, series: TestSeries | None = None) -> AsyncIterator[TestSeries]:
    series = series or TestSeries(env=env)
    async with Worker(
        env.client,
        task_queue=series.task_queue,
        workflows=[StrategyRun],
        activities=series.activities(),
        workflow_runner=workflow_runner(),
        max_heartbeat_throttle_interval=timedelta(seconds=0.2),
    ):
        yield series


async def over(env: WorkflowEnvironment, run: Run) -> RunView:
    """Let the time pass until a run is over, hour by hour; return what it came to.

    Not by waiting for its result: for who waits the server skips time, up to the purchase of the next day.
    """
    while (await run.describe()).status is WorkflowExecutionStatus.RUNNING:
        await env.sleep(timedelta(hours=1))
    return await run.query(StrategyRun.view)


async def waiting_for_the_second_day(series: TestSeries) -> Run:
    """Press START, trade the first day, and return the run that waits for the next."""
    assert series.env is not None
    await over(series.env, await series.press())
    second = series.run_of(series.row.start.plan.trading_day)
    await in_phase(second, "waiting")
    return second


async def test_each_day_has_a_run_of_its_own_that_the_one_before_begins(env: WorkflowEnvironment) -> None:
    async with working(env) as series:
        second = await waiting_for_the_second_day(series)
        first_day = series.row.days[0]
        view = await over(env, second)
        third = series.run_of(series.row.start.plan.trading_day)
        await in_phase(third, "waiting")
        await third.execute_update("stop", {"on_stop": None}, result_type=RunView)
    assert view.outcome is Outcome.SOLD
    assert series.bought_on() == [first_day, first_day + timedelta(days=1)]
    assert [order.side for order in series.broker.sent] == [Side.BUY, Side.SELL] * 2
    assert series.row.ended_by is SeriesEnd.STOPPED


async def test_a_stop_between_two_days_ends_the_series(env: WorkflowEnvironment) -> None:
    async with working(env) as series:
        second = await waiting_for_the_second_day(series)
        await second.execute_update("stop", {"on_stop": None}, result_type=RunView)
        view = await over(env, second)
    assert view.outcome is Outcome.STOPPED
    assert (series.row.running, series.row.ended_by) == (False, SeriesEnd.STOPPED)
    assert len(series.bought_on()) == 1


async def test_a_day_that_a_limit_has_stopped_is_followed_by_the_next_one(env: WorkflowEnvironment) -> None:
    """Contract: a breach lasts until the next trading day; it ends no series."""
    async with working(env) as series:
        first = await series.press()
        await in_phase(first, "waiting")
        stopped = {"on_stop": "exit", "limit": "daily_loss"}
        view = await first.execute_update("stop", stopped, result_type=RunView)
        await over(env, first)
        second = series.run_of(series.row.start.plan.trading_day)
        await in_phase(second, "waiting")
        await over(env, second)
    assert view.outcome is Outcome.STOPPED
    assert len(series.bought_on()) == 1
    assert series.row.ended_by is None


async def test_a_series_that_was_ended_buys_nothing_though_its_run_was_not_told(
    env: WorkflowEnvironment,
) -> None:
    async with working(env) as series:
        second = await waiting_for_the_second_day(series)
        series.row.ended_by = SeriesEnd.KILL_SWITCH
        view = await over(env, second)
    assert view.outcome is Outcome.STOPPED
    assert len(series.bought_on()) == 1
    assert not series.row.running


async def test_the_terms_of_then_are_traded_and_not_those_of_the_press(env: WorkflowEnvironment) -> None:
    async with working(env) as series:
        second = await waiting_for_the_second_day(series)
        series.row.strategy = replace(series.row.strategy, quantity=4, on_stop=OnStop.KEEP)
        await second.signal("PLAN_ANEW")

        async def planned() -> bool:
            return series.row.start.strategy.quantity == 4 and series.row.start.start_id in {
                ref.start_id for ref in series.store.running.values()
            }

        await until(planned)
        await over(env, series.run_of(series.row.start.plan.trading_day))
    assert [order.quantity for order in series.broker.sent] == [10, 10, 4, 4]


async def test_an_edit_that_no_run_was_told_of_is_found_when_the_day_is_due(env: WorkflowEnvironment) -> None:
    async with working(env) as series:
        second = await waiting_for_the_second_day(series)
        series.row.strategy = replace(series.row.strategy, quantity=4)
        await over(env, second)
        await until(lambda: _days(series, 2))
    assert [order.quantity for order in series.broker.sent] == [10, 10, 4, 4]


async def test_a_day_that_is_left_out_is_not_traded(env: WorkflowEnvironment) -> None:
    async with working(env) as series:
        second = await waiting_for_the_second_day(series)
        first_day, left_out = series.row.days[0], series.row.start.plan.trading_day
        series.row.left_out.add(left_out)
        await second.signal("PLAN_ANEW")
        await over(env, second)
        await over(env, series.run_of(left_out + timedelta(days=1)))
    assert series.bought_on() == [first_day, left_out + timedelta(days=1)]


async def test_a_day_whose_prices_are_in_question_is_skipped_until_they_are_confirmed(
    env: WorkflowEnvironment,
) -> None:
    async with working(env) as series:
        second = await waiting_for_the_second_day(series)
        first_day, series_id = series.row.days[0], series.row.start.series_id
        assert series_id is not None
        closes = series.noted.opened(series_id, series.strategy, series.brokers.connected)
        closes.series = replace(closes.series, noted=NotedClose(first_day, series.broker.price * 2))
        series.broker.previous_close = series.broker.price
        view = await over(env, second)
        third = series.run_of(series.row.start.plan.trading_day)
        await in_phase(third, "waiting")
        still = await over(env, third)
        series.noted.confirmed(series_id)
        await over(env, series.run_of(series.row.start.plan.trading_day))
    assert (view.outcome, still.outcome) == (Outcome.SKIPPED, Outcome.SKIPPED)
    assert "adjusted" in (view.detail or "")
    assert [alarm.kind for alarm in series.alerts.raised].count("prices_adjusted") == 1
    assert series.bought_on() == [first_day, first_day + timedelta(days=3)]


async def test_a_cancellation_from_outside_ends_the_series(env: WorkflowEnvironment) -> None:
    async with working(env) as series:
        second = await waiting_for_the_second_day(series)
        await second.cancel()
        await over(env, second)
        assert (await second.describe()).status is WorkflowExecutionStatus.CANCELED
    assert (series.row.running, series.row.ended_by) == (False, SeriesEnd.TERMINATED)
    assert len(series.bought_on()) == 1


@dataclass
class LosingAWorker(TestSeries):
    """The worker that is to begin the next run is lost, before or after it has; another one tries again."""

    after: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def activities(self) -> Sequence[Callable[..., object]]:
        *others, begin_next, plan_anew = super().activities()

        @activity.defn(name="begin_next")
        async def is_lost(start: StartRun) -> None:
            if activity.info().attempt > 1 or self.after:
                await begin_next(start)  # type: ignore[misc]
            if activity.info().attempt == 1:
                self.begun.set()
                await self.lost.wait()
                raise RuntimeError("its worker is gone")

        return [*others, is_lost, plan_anew]


@pytest.mark.parametrize("after", [False, True], ids=["next run not begun", "next run begun"])
async def test_a_cancellation_between_two_days_ends_the_series_though_a_worker_is_lost(
    env: WorkflowEnvironment, after: bool
) -> None:
    """The run of the day that is over hears of it alone, once the next one is being begun."""
    async with working(env, LosingAWorker(env=env, after=after)) as series:
        assert isinstance(series, LosingAWorker)
        run = await series.press()
        await env.sleep(series.row.start.plan.sell_at - await env.get_current_time())
        await series.begun.wait()
        await run.cancel()
        series.lost.set()
        await over(env, run)
        second = series.run_of(series.row.start.plan.trading_day)
        await over(env, second)
    assert (await run.describe()).status is WorkflowExecutionStatus.CANCELED
    assert (series.row.running, series.row.ended_by) == (False, SeriesEnd.TERMINATED)
    assert len(series.bought_on()) == 1
    replayer = Replayer(
        workflows=[StrategyRun], data_converter=DATA_CONVERTER, workflow_runner=workflow_runner()
    )
    await replayer.replay_workflow(await run.fetch_history())


@pytest.mark.parametrize(("held", "in_doubt"), [(10, False), (0, True)])
async def test_shares_left_and_orders_in_doubt_halt_the_series(
    env: WorkflowEnvironment, held: int, in_doubt: bool
) -> None:
    async with working(env) as series:
        run = await series.press()
        series.row.held, series.row.in_doubt = held, in_doubt
        await over(env, run)
    assert not series.row.running
    assert series.row.ended_by is (SeriesEnd.LEFT_OVER if held else SeriesEnd.IN_DOUBT)


async def _days(series: TestSeries, number: int) -> bool:
    return len(series.row.days) >= number
