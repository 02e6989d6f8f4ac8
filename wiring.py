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

from activities.armed import ArmedOrders
from activities.dealer import Dealer
from activities.desk import DeskRules, OrderDesk
from activities.fast_exits import FastExits
from activities.gate import EntryGate
from activities.logins import LoginActivities
from activities.notices import NoticeActivities
from activities.off_books import OffBooksActivities
from activities.orders import OrderActivities
from activities.overdue import ExitWatch
from activities.reconciling import ReconcileActivities
from activities.runs import RunActivities
from adapters.alerts import open_alerts
from adapters.cache_mark import RedisMark
from adapters.calendar import open_calendar
from adapters.clock import SystemClock
from adapters.credentials import VaultCredentials
from adapters.egress import Egress
from adapters.key_marks import opening
from adapters.kite.accounts import KiteBrokers
from adapters.kite.login import KiteLogin
from adapters.kite.shared_quotes import asker, shared
from adapters.kite.wire import Wire
from adapters.logins import StoredLogins
from adapters.notices.alerts import NoticeAlerts
from adapters.notices.courier import ChannelCourier
from adapters.notices.services import Services
from adapters.notices.webhook import Webhooks
from adapters.part_watch import PartWatch, postgres_part, redis_part, temporal_part
from adapters.redis_cache import RedisRuntimeCache
from adapters.redis_stops import RedisStops
from adapters.store.armed import PostgresArmedLog
from adapters.store.attention import Attention
from adapters.store.credentials import Credentials
from adapters.store.engine import Store
from adapters.store.outbox import PostgresOutbox
from adapters.store.quote_turns import PostgresQuoteTurns
from adapters.store.reconciling import PostgresReconciliation
from adapters.store.runs import PostgresRunStore
from adapters.store.watchers import Watchers
from adapters.telemetry.tracing import Tracing
from adapters.telemetry.worker import WorkerMetrics
from adapters.trading_days import CalendarTradingDays
from adapters.vault import Opener
from domain.leg import Horizons
from domain.notice import Courier, Outbox
from domain.ports import Alerts
from settings import Settings
from workflows.client import TemporalOpenRuns


@dataclass(frozen=True, slots=True)
class Parts:
    """What the activities are made of. `name`: this worker's own, under which it holds orders."""

    name: str
    opener: Opener
    store: Store
    life: Store
    cache: RedisRuntimeCache
    stops: RedisStops
    mark: RedisMark
    brokers: KiteBrokers
    logins: StoredLogins
    wire: Wire
    clock: SystemClock


def parts(settings: Settings, tracing: Tracing) -> Parts:
    """Wire the adapters. Raises `MissingSetting`, `BadKey`, `BadEgress`; connects nothing yet."""
    opener = Opener.local(settings.need("encryption_keys"))
    egress = Egress.of(settings.kite_root, settings.egress)
    clock = SystemClock()
    application = opening("stopwatch worker", opener.key_ids)
    store = Store.open(settings.need("database_url_worker"), pool_size=10, application=application)
    credentials = Credentials(store)
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
    wire = Wire()
    turns = PostgresQuoteTurns(store, clock)
    return Parts(
        name=name,
        opener=opener,
        store=store,
        life=Store.open(settings.need("database_url_worker"), pool_size=1, application=name),
        cache=RedisRuntimeCache.connect(settings.need("redis_url")),
        stops=RedisStops.connect(settings.need("redis_url"), name),
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
class Duties:
    """What a worker does: activities when Temporal asks, held orders and hit stops by itself."""

    activities: Sequence[Callable[..., Any]]
    armed: ArmedOrders
    fast: FastExits


@dataclass(frozen=True, slots=True)
class Telling:
    """How people hear of what happens: operators by alerts, users by notices."""

    alerts: Alerts
    outbox: Outbox
    courier: Courier


def duties(settings: Settings, made: Parts, client: Client, told: Telling, metrics: WorkerMetrics) -> Duties:
    """Build everything a worker does on its parts."""
    alerts = told.alerts
    rules = DeskRules(
        entry_fill=settings.entry_fill_seconds,
        horizons=Horizons(
            entry=timedelta(seconds=settings.entry_horizon_seconds),
            exit_resend=timedelta(seconds=settings.exit_resend_after_seconds),
        ),
    )
    log = metrics.order_log(made.store)
    desk = OrderDesk(log, made.cache, made.brokers, made.clock, rules)
    calendar = open_calendar(settings.calendar, settings.calendar_overrides)
    days = CalendarTradingDays(calendar, made.clock)
    gate = EntryGate(made.brokers, made.cache, made.clock, days)
    missed_after = timedelta(seconds=settings.missed_after_seconds)
    watch = ExitWatch(log, alerts)
    dealer = Dealer(desk, gate, watch, made.brokers, made.clock, missed_after)
    held = PostgresArmedLog(made.store, made.life)
    armed = ArmedOrders(held, dealer, made.clock, made.name)
    fast = FastExits(made.stops, held, armed, made.clock)
    orders = OrderActivities(dealer, desk, armed)
    runs = RunActivities(PostgresRunStore(made.store), made.cache, alerts)
    off_books = OffBooksActivities(log, made.brokers, made.clock, rules.horizons)
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
        NoticeActivities(told.outbox, told.courier, made.clock).deliver_notices,
    ]
    return Duties(found, armed, fast)


async def telling(settings: Settings, made: Parts, metrics: WorkerMetrics, stack: AsyncExitStack) -> Telling:
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
    told = NoticeAlerts(metrics.alerts(alerts), outbox, made.clock)
    return Telling(told, outbox, ChannelCourier(made.opener, webhooks, services))


def part_watch(settings: Settings, client: Client, alerts: Alerts, stack: AsyncExitStack) -> PartWatch:
    """Ask over connections of its own: a thousand orders that wait for one of the pool's are no outage."""
    store = Store.open(
        settings.need("database_url_worker"), pool_size=1, application="stopwatch worker, watching"
    )
    stack.push_async_callback(store.close)
    cache = RedisRuntimeCache.connect(settings.need("redis_url"))
    stack.push_async_callback(cache.close)
    parts = [redis_part(cache.ping), postgres_part(store.ping), temporal_part(client)]
    return PartWatch(parts, alerts, SystemClock())
