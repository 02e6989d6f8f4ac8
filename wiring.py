"""What a worker is made of: adapters behind ports, activities on them, and how it tells people.

Only `worker.py` uses it; the two together are the composition root of that process.
"""

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from temporalio.client import Client

from activities.degraded_exit import DegradedExitActivities
from activities.logins import LoginActivities
from activities.notifications import NotificationActivities
from activities.orders import OrderActivities
from activities.reconciler import ReconcileActivities
from activities.runs import RunActivities
from adapters.alerts.log import open_alerts
from adapters.calendar.exchange import open_calendar
from adapters.calendar.trading_days import CalendarTradingDays
from adapters.kite.accounts import KiteBrokers
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.egress import Egress
from adapters.kite.login import KiteLogin
from adapters.kite.shared_quotes import asker, shared
from adapters.notifications.alerts import NotificationAlerts
from adapters.notifications.courier import ChannelCourier
from adapters.notifications.services import Services
from adapters.notifications.webhook import Webhooks
from adapters.postgres.credentials import Credentials
from adapters.postgres.engine import Store
from adapters.postgres.operator_alerts import Attention
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.quote_turns import PostgresQuoteTurns
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.postgres.runs import PostgresRunStore
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.watchers import Watchers
from adapters.process.clock import SystemClock
from adapters.redis.cache_mark import RedisMark
from adapters.redis.runtime_cache import RedisRuntimeCache
from adapters.redis.stop_queue import RedisStopQueue
from adapters.secrets.broker_credentials import VaultCredentials
from adapters.secrets.key_marks import opening
from adapters.secrets.stored_logins import StoredLogins
from adapters.secrets.vault import Opener
from adapters.telemetry.dependency_watch import DependencyWatch, postgres_part, redis_part, temporal_part
from adapters.telemetry.tracing import Tracing
from adapters.telemetry.worker import WorkerMetrics
from domain.leg import Horizons
from domain.notification import Courier, Outbox
from domain.ports import Alerts
from execution.degraded_exit import DegradedExit
from execution.execution_rules import ExecutionRules
from execution.fast_exits import FastExits
from execution.order_path import OrderPath
from execution.scheduled_orders import ScheduledOrders
from settings import Settings
from workflows.client import TemporalOpenRuns


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the activities are made of. `name`: this worker's own, under which it holds orders."""

    name: str
    opener: Opener
    store: Store
    life: Store
    cache: RedisRuntimeCache
    stops: RedisStopQueue
    mark: RedisMark
    brokers: KiteBrokers
    logins: StoredLogins
    wire: ConnectionPool
    clock: SystemClock


def parts(settings: Settings, tracing: Tracing) -> Dependencies:
    """Wire the adapters. Raises `MissingSetting`, `BadKey`, `BadEgress`; connects nothing yet."""
    opener = Opener.local(settings.need("encryption_keys"))
    egress = Egress.of(settings.kite_root, settings.egress)
    clock = SystemClock()
    application = opening("stopwatch worker", opener.key_ids)
    store = Store.open(settings.need("database_url_worker"), pool_size=10, application=application)
    credentials = Credentials(store)
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
    wire = ConnectionPool()
    turns = PostgresQuoteTurns(store, clock)
    return Dependencies(
        name=name,
        opener=opener,
        store=store,
        life=Store.open(settings.need("database_url_worker"), pool_size=1, application=name),
        cache=RedisRuntimeCache.connect(settings.need("redis_url")),
        stops=RedisStopQueue.connect(settings.need("redis_url"), name),
        mark=RedisMark.connect(settings.need("redis_url")),
        brokers=KiteBrokers(
            VaultCredentials(credentials, opener, egress),
            settings.kite_root,
            clock,
            wire,
            open_broker=tracing.open_broker,
            pace=lambda user_id, keys: shared(turns, asker(user_id, keys.api_key, keys.access_token)),
        ),
        logins=StoredLogins(credentials, opener, egress, KiteLogin(settings.kite_root, wire), clock),
        wire=wire,
        clock=clock,
    )


@dataclass(frozen=True, slots=True)
class WorkerComponents:
    """What a worker does: activities when Temporal asks, held orders and hit stops by itself."""

    activities: Sequence[Callable[..., Any]]
    armed: ScheduledOrders
    fast: FastExits


@dataclass(frozen=True, slots=True)
class Notifiers:
    """How people hear of what happens: operators by alerts, users by notices."""

    alerts: Alerts
    outbox: Outbox
    courier: Courier


def duties(
    settings: Settings, made: Dependencies, client: Client, told: Notifiers, metrics: WorkerMetrics
) -> WorkerComponents:
    """Build everything a worker does on its parts."""
    alerts = told.alerts
    rules = ExecutionRules(
        entry_fill=settings.entry_fill_seconds,
        horizons=Horizons(
            entry=timedelta(seconds=settings.entry_horizon_seconds),
            exit_resend=timedelta(seconds=settings.exit_resend_after_seconds),
        ),
        missed_after=timedelta(seconds=settings.missed_after_seconds),
    )
    log = metrics.order_log(made.store)
    calendar = open_calendar(settings.calendar, settings.calendar_overrides)
    days = CalendarTradingDays(calendar, made.clock)
    path = OrderPath.on(log, made.cache, made.brokers, made.clock, days, alerts, rules)
    schedule = PostgresScheduledOrderLog(made.store, made.life)
    armed = ScheduledOrders(schedule, path.entries, path.exits, path.sender, made.clock, made.name)
    fast = FastExits(made.stops, schedule, armed, made.clock)
    orders = OrderActivities(path.entries, path.exits, path.sender, armed)
    runs = RunActivities(PostgresRunStore(made.store), made.cache, alerts)
    off_books = DegradedExitActivities(DegradedExit(log, made.brokers, made.clock, rules.horizons))
    logins = LoginActivities(made.logins)
    open_runs = TemporalOpenRuns(client, settings.temporal_task_queue)
    reconciling = ReconcileActivities(
        PostgresReconciliation(made.store),
        open_runs,
        log,
        made.cache,
        made.brokers,
        alerts,
        made.clock,
        Attention(made.store),
        days,
        made.mark,
        Watchers(made.store),
    )
    found = [
        *(orders.arm_entry, orders.enter, orders.settle_entry),
        *(orders.arm_exit, orders.exit, orders.settle_exit),
        *(runs.activate, runs.change_phase, runs.note, runs.finish, runs.clean_up, runs.alarm),
        logins.log_in,
        *(reconciling.reconcile, reconciling.tell_people),
        *(off_books.exit_without_store, off_books.record_off_books),
        NotificationActivities(told.outbox, told.courier, made.clock).deliver_notices,
    ]
    return WorkerComponents(found, armed, fast)


async def telling(
    settings: Settings, made: Dependencies, metrics: WorkerMetrics, stack: AsyncExitStack
) -> Notifiers:
    """Wire alerts and notices, on connections of their own: no order waits behind a notice."""
    store = Store.open(
        settings.need("database_url_worker"), pool_size=2, application="stopwatch worker, telling"
    )
    stack.push_async_callback(store.close)
    anywhere = settings.notices_private == "on"
    webhooks = await stack.enter_async_context(Webhooks(made.clock, anywhere=anywhere))
    services = Services(settings.mail)
    stack.callback(services.close)
    outbox = PostgresOutbox(store)
    alerts = await stack.enter_async_context(open_alerts(settings.cloudwatch_namespace, "worker"))
    told = NotificationAlerts(metrics.alerts(alerts), outbox, made.clock)
    return Notifiers(told, outbox, ChannelCourier(made.opener, webhooks, services))


def part_watch(settings: Settings, client: Client, alerts: Alerts, stack: AsyncExitStack) -> DependencyWatch:
    """Ask over connections of its own: a thousand orders that wait for one of the pool's are no outage."""
    store = Store.open(
        settings.need("database_url_worker"), pool_size=1, application="stopwatch worker, watching"
    )
    stack.push_async_callback(store.close)
    cache = RedisRuntimeCache.connect(settings.need("redis_url"))
    stack.push_async_callback(cache.close)
    parts = [redis_part(cache.ping), postgres_part(store.ping), temporal_part(client)]
    return DependencyWatch(parts, alerts, SystemClock())
