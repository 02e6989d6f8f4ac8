"""A worker's runs and activities on a real Temporal and a real Postgres, and a stranger who reaches Temporal.

The stranger has a client of Temporal and a worker of their own; they can read every history that is in clear.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import update
from temporalio import workflow
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.run_activities import run_activities
from adapters.postgres.engine import Store
from adapters.postgres.orders import PostgresOrderLog
from adapters.postgres.resting_stops import PostgresRestingStops
from adapters.postgres.runs import PostgresRunStore
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.tables import StrategyRow
from adapters.process.clock import SystemClock
from domain.leg import Horizons
from domain.run import RUN_VERSION, RunView, StartRun, workflow_id
from domain.session import DayPlan
from execution.degraded_exit import DegradedExit
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.armed import ForgetfulOrders
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache
from tests.fakes.trading_days import MemoryTradingDays
from tests.store_rows import TERMS, Desk, broker_account, write_start
from workflows.broker_login import BrokerLogin
from workflows.notifications import NotificationRun
from workflows.reconciler import Reconciler
from workflows.sandbox import fast_runner
from workflows.strategy_check import StrategyCheck
from workflows.strategy_run import StrategyRun

Run = WorkflowHandle[StrategyRun, RunView]


@workflow.defn(name="Planted", sandboxed=False)
class Planted:
    """Schedules an activity of the product's on the product's task queue."""

    @workflow.run
    async def run(self, activity: str, message: Any, task_queue: str) -> Any:
        return await workflow.execute_activity(
            activity,
            message,
            task_queue=task_queue,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


@dataclass
class TemporalDesk:
    """One strategy, only created, of a user with an account; its worker; and a stranger's client."""

    env: WorkflowEnvironment
    store: Store
    desk: Desk
    task_queue: str
    broker: MemoryBroker
    alerts: MemoryAlerts

    @classmethod
    async def made(cls, env: WorkflowEnvironment, store: Store) -> "TemporalDesk":
        desk = await Desk.made(store)
        async with store.work() as session:
            session.add(broker_account(desk))
        broker = MemoryBroker(SystemClock(), price=Decimal(3600))
        return cls(env, store, desk, f"desk-{uuid4()}", broker, MemoryAlerts())

    @property
    def client(self) -> Client:
        return self.env.client

    @property
    def told(self) -> list[str]:
        """Return the kinds of the alarms so far."""
        return [alarm.kind for alarm in self.alerts.raised]

    def start(self, buy_in: float = 1.5, **changes: Any) -> StartRun:
        """Return a START of the strategy as the API makes it, or a stranger who has read of it."""
        now = datetime.now(UTC)
        buy_at = now + timedelta(seconds=buy_in)
        sell_at = buy_at + timedelta(hours=1)
        plan = DayPlan(now.date(), buy_at, sell_at, now - timedelta(hours=1), sell_at + timedelta(hours=1))
        made = StartRun(uuid4(), self.desk.strategy, plan, version=RUN_VERSION, account=TERMS.account)
        return replace(made, **changes)

    async def begun(self, start: StartRun, *, written: bool = False, name: str = "") -> Run:
        """Begin a run of this START; `written` as the API does, else as anybody does who reaches Temporal."""
        if written:
            await write_start(self.store, start)
        return await self.client.start_workflow(
            StrategyRun.run,
            start,
            id=name or workflow_id(start.strategy.strategy_id, start.plan.trading_day),
            task_queue=self.task_queue,
            execution_timeout=timedelta(minutes=5),
        )

    async def planted(self, activity: str, message: Any) -> Any:
        """Have an activity carried out past any run, by a workflow on the stranger's own task queue."""
        own = f"stranger-{uuid4()}"
        async with Worker(
            self.client, task_queue=own, workflows=[Planted], workflow_runner=UnsandboxedWorkflowRunner()
        ):
            return await self.client.execute_workflow(
                "Planted", args=[activity, message, self.task_queue], id=f"planted-{uuid4()}", task_queue=own
            )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        async with Worker(
            self.client,
            task_queue=self.task_queue,
            workflows=[StrategyRun, StrategyCheck, BrokerLogin, Reconciler, NotificationRun],
            activities=self._activities(),
            workflow_runner=fast_runner(),
            max_heartbeat_throttle_interval=timedelta(seconds=0.2),
        ):
            yield

    async def left_over(self) -> None:
        """Have the stopped strategy hold shares that its exit could not sell."""
        async with self.store.work() as session:
            mine = update(StrategyRow).where(StrategyRow.strategy_id == self.desk.strategy.strategy_id)
            await session.execute(mine.values(status="stopped", position="bought", sold_quantity=0))

    def _activities(self) -> Sequence[Callable[..., object]]:
        clock, log, cache = SystemClock(), PostgresOrderLog(self.store), MemoryCache()
        brokers = MemoryBrokers(self.broker, connected=TERMS.account)
        path = OrderPath.on(
            log, cache, brokers, clock, MemoryTradingDays(), self.alerts, PostgresRestingStops(self.store)
        )
        scheduled = PostgresScheduledOrderLog(self.store, self.store)
        hands = ForgetfulOrders(scheduled, path.entries, path.exits, path.sender, clock, "forgetful")
        off_books = DegradedExit(log, brokers, clock, Horizons())
        return run_activities(path, hands, off_books, PostgresRunStore(self.store), cache, self.alerts)
