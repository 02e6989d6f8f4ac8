"""One strategy's day on Temporal's time-skipping server, with the real workflow and activities."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from decimal import Decimal
from uuid import uuid4

from temporalio.client import WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker, WorkflowRunner

from activities.exit_waits import ExitWaitActivities
from activities.run_activities import run_activities
from activities.sessions import SessionActivities
from domain.leg import Horizons
from domain.order import Leg, OrderTerms, Reason
from domain.run import RUN_VERSION, Adoption, ExitOrder, Release, RunView, StartRun
from domain.session import DayPlan
from domain.strategy import Strategy
from execution.degraded_exit import DegradedExit
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.armed import ForgetfulOrders, MemoryScheduledOrderLog
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.clock import ElasticClock
from tests.fakes.house import MemoryCache, MemoryOrderLog, MemoryRunStore
from tests.fakes.outages import MemoryOutages
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays
from workflows.sandbox import workflow_runner
from workflows.strategy_run import StrategyRun

Run = WorkflowHandle[StrategyRun, RunView]


@dataclass
class TestDay:
    """The parts of a day: what a test sets before it, and reads after it."""

    __test__ = False

    task_queue: str = field(default_factory=lambda: f"days-{uuid4()}")
    """Its own: a task that the server hands to the poll of a worker just ended is missed for ten seconds."""
    clock: ElasticClock = field(default_factory=ElasticClock)
    store: MemoryRunStore = field(default_factory=MemoryRunStore)
    cache: MemoryCache = field(default_factory=MemoryCache)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)
    days: MemoryTradingDays = field(default_factory=MemoryTradingDays)
    outages: MemoryOutages = field(default_factory=MemoryOutages)
    strategy: Strategy = field(
        default_factory=lambda: Strategy(uuid4(), uuid4(), "TCS", time(9, 30), time(15, 0), Decimal(3400), 10)
    )

    def __post_init__(self) -> None:
        self.broker = MemoryBroker(self.clock)
        self.brokers = MemoryBrokers(self.broker)
        self.log = MemoryOrderLog(self.clock)

    def activities(self) -> Sequence[Callable[..., object]]:
        path = self._path()
        parts = path.entries, path.exits, path.sender
        forgetful = ForgetfulOrders(MemoryScheduledOrderLog(self.log), *parts, self.clock, "forgetful")
        waits = ExitWaitActivities(path.lifts, path.exits)
        sessions = SessionActivities(self.days, self.outages, self.store, self.alerts, self.clock)
        off_books = DegradedExit(self.log, self.brokers, self.clock, Horizons())
        trading = run_activities(path, forgetful, off_books, self.store, self.cache, self.alerts)
        return [*trading, waits.wait_for_lift, waits.look_at_account, sessions.next_session]

    def _path(self) -> OrderPath:
        stops = MemoryRestingStops(self.log.table, self.clock)
        return OrderPath.on(self.log, self.cache, self.brokers, self.clock, self.days, self.alerts, stops)

    async def start(
        self,
        env: WorkflowEnvironment,
        *,
        buy_in: timedelta,
        sell_only: bool = False,
        closes_after: timedelta = timedelta(hours=1),
        adopted: Adoption | None = None,
        release: Release | None = None,
    ) -> Run:
        """Press START: buys `buy_in` from now, sells five hours later, `closes_after` before the close.

        A run that only sells does so `buy_in` from now.
        """
        now = await env.get_current_time()
        buy_at = now + buy_in
        sell_at = buy_at if sell_only else buy_at + timedelta(hours=5)
        plan = DayPlan(now.date(), buy_at, sell_at, now - timedelta(hours=1), sell_at + closes_after)
        return await env.client.start_workflow(
            StrategyRun.run,
            StartRun(
                uuid4(),
                self.strategy,
                plan,
                sell_only,
                adopted,
                RUN_VERSION,
                self.brokers.connected,
                release,
            ),
            id=f"strategy-{self.strategy.strategy_id}-{now.date()}",
            task_queue=self.task_queue,
            # Tests only: without it the time-skipping server jumps years ahead.
            execution_timeout=timedelta(days=3),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )

    async def sell_ahead(self) -> None:
        """Sell as the fast path of a stop-loss does: ahead of the run."""
        sale = next(row for row in self.log.rows.values() if row.key.leg is Leg.EXIT)
        terms = OrderTerms(self.strategy.exchange, self.strategy.symbol, self.strategy.product)
        order = ExitOrder(sale.key, terms, self.strategy.quantity or 0, Reason.STOPLOSS, self.clock.now())
        await self._path().exits.sell_scheduled(order, sale)

    def keeping(self) -> None:
        """Make the strategy one that keeps its shares when it is stopped."""
        from domain.strategy import OnStop

        self.strategy = replace(self.strategy, on_stop=OnStop.KEEP)


@asynccontextmanager
async def worker_for(
    env: WorkflowEnvironment, day: TestDay, runner: WorkflowRunner | None = None
) -> AsyncIterator[None]:
    """Run a worker for one day, with the product's own runner or one around it that may hold a step."""
    async with Worker(
        env.client,
        task_queue=day.task_queue,
        workflows=[StrategyRun],
        activities=day.activities(),
        workflow_runner=runner or workflow_runner(),
        max_heartbeat_throttle_interval=timedelta(seconds=0.2),
    ):
        yield


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `condition` holds; the test's own timeout ends a wait that never does."""
    while not await condition():  # noqa: ASYNC110 - the state is the server's
        await asyncio.sleep(0.02)


async def in_activity(run: Run, name: str) -> None:
    """Wait until the run has an activity of that `name` under way.

    Said by the run's own history, not by what the activity before it did: Temporal's test server loses an
    update that reaches the run in the task in which it cancels an activity that has just ended.
    """

    async def there() -> bool:
        described = await run.describe()
        pending = described.raw_description.pending_activities
        return any(each.activity_type.name == name for each in pending)

    await until(there)


async def in_phase(run: Run, phase: str) -> None:
    """Wait until the run says it is in `phase`."""

    async def there() -> bool:
        return (await run.query(StrategyRun.view)).phase == phase

    await until(there)
