"""Wires a worker: adapters behind ports, activities on them, alerts and notifications.

Only `worker.py` uses it; the two together are the composition root of that process.
"""

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio.client import Client

from activities.checks import CheckActivities
from activities.exit_waits import ExitWaitActivities
from activities.logins import LoginActivities
from activities.morning import MorningActivities
from activities.notifications import NotificationActivities
from activities.reconciler import ReconcileActivities
from activities.run_activities import run_activities
from activities.series import SeriesActivities
from activities.sessions import SessionActivities
from adapters.alerts.process_alerts import open_alerts
from adapters.calendar.exchange import open_calendar
from adapters.calendar.trading_days import CalendarTradingDays, NoWord
from adapters.kite.brokers import KiteBrokers, KiteCredentials
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.egress import Egress
from adapters.kite.instruments import KiteInstruments
from adapters.kite.login import KiteLogin
from adapters.kite.shared_quotes import asker, shared
from adapters.kite.shared_reads import TurnPace
from adapters.notifications.account_mails import MailedAccounts
from adapters.notifications.alert_notifications import NotificationAlerts
from adapters.notifications.courier import ChannelCourier
from adapters.notifications.mail import Mailer
from adapters.notifications.services import Services
from adapters.notifications.vapid import PushKey
from adapters.notifications.web_push import WebPushes
from adapters.notifications.webhook import Webhooks
from adapters.postgres.account_days import PostgresAccountDays
from adapters.postgres.account_mails import PostgresAccountMails
from adapters.postgres.account_reads import PostgresAccountReads
from adapters.postgres.calendar_days import PostgresOperatorDays
from adapters.postgres.charge_checks import PostgresChargeChecks
from adapters.postgres.credentials import Credentials
from adapters.postgres.engine import Store
from adapters.postgres.isins import PostgresIsins
from adapters.postgres.noted_closes import PostgresNotedCloses
from adapters.postgres.operator_alerts import PostgresOperatorAlerts
from adapters.postgres.outages import PostgresOutages
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from adapters.postgres.quote_turns import PostgresQuoteTurns
from adapters.postgres.read_turns import PostgresReadTurns
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.postgres.resting_stops import PostgresRestingStops
from adapters.postgres.runs import PostgresRunStore
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.series import PostgresSeries
from adapters.postgres.watchers import Watchers
from adapters.process.clock import SystemClock
from adapters.redis.cache_mark import RedisMark
from adapters.redis.runtime_cache import RedisRuntimeCache
from adapters.redis.stop_queue import RedisStopQueue
from adapters.secrets.broker_credentials import VaultCredentials
from adapters.secrets.process_keys import opening
from adapters.secrets.stop_signatures import StopSignatures
from adapters.secrets.stored_logins import StoredLogins
from adapters.secrets.vault import Opener
from adapters.telemetry.dependency_watch import (
    DependencyWatch,
    disk_dependency,
    postgres_dependency,
    redis_dependency,
    temporal_dependency,
)
from adapters.telemetry.disk import Disk
from adapters.telemetry.tracing import Tracing
from adapters.telemetry.worker_metrics import WorkerMetrics
from adapters.temporal.readiness import TemporalReadiness
from domain.leg import Horizons
from domain.ports import AccountMails, Alerts, Clock, Courier, Outbox
from execution.account_day_watch import AccountDayWatch
from execution.account_watch import AccountWatch
from execution.charge_check import ChargeCheck
from execution.check_reading import CheckReading
from execution.closing_prices import ClosingPrices
from execution.degraded_exit import DegradedExit
from execution.execution_rules import ExecutionRules
from execution.fast_exits import FastExits
from execution.listed_today import ListedToday
from execution.morning_funds import MorningFunds
from execution.order_path import OrderPath
from execution.scheduled_orders import ScheduledOrders
from execution.series_days import SeriesDays
from execution.series_rounds import SeriesRounds
from execution.standing_runs import StandingRuns
from execution.stop_keeper import StopKeeper
from execution.worker_waking import WorkerWaking
from settings import Settings
from workflows.client import TemporalOpenRuns


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The adapters of the activities. `name` is this worker's own, under which it schedules orders."""

    name: str
    opener: Opener
    store: Store
    heartbeat_store: Store
    cache: RedisRuntimeCache
    stops: RedisStopQueue
    mark: RedisMark
    brokers: KiteBrokers
    logins: StoredLogins
    pool: ConnectionPool
    clock: SystemClock


def build_dependencies(settings: Settings, tracing: Tracing) -> Dependencies:
    """Wire the adapters. Raises `MissingSetting`, `BadKey`, `BadEgress`; opens no connection yet."""
    opener = Opener.local(settings.need("encryption_keys"))
    egress = Egress.of(settings.kite_root, settings.egress)
    clock = SystemClock()
    application = opening("stopwatch worker", opener.key_ids)
    store = Store.open(settings.need("database_url_worker"), pool_size=10, application=application)
    credentials = Credentials(store)
    name = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:6]}"
    pool = ConnectionPool()
    turns = PostgresQuoteTurns(store, clock)
    return Dependencies(
        name=name,
        opener=opener,
        store=store,
        heartbeat_store=Store.open(settings.need("database_url_worker"), pool_size=1, application=name),
        cache=RedisRuntimeCache.connect(settings.need_redis("worker")),
        stops=RedisStopQueue.connect(
            settings.need_redis("worker"), name, StopSignatures(settings.need("encryption_keys"))
        ),
        mark=RedisMark.connect(settings.need_redis("worker")),
        brokers=KiteBrokers(
            VaultCredentials(credentials, opener, egress),
            settings.kite_root,
            clock,
            pool,
            open_broker=tracing.open_broker,
            pace=lambda user_id, keys: shared(turns, asker(user_id, keys.api_key, keys.access_token)),
            reads=_by_turns(PostgresReadTurns(store)),
        ),
        logins=StoredLogins(credentials, opener, egress, KiteLogin(settings.kite_root, pool), clock),
        pool=pool,
        clock=clock,
    )


def _by_turns(
    turns: PostgresReadTurns, *, own: bool = True
) -> Callable[[UUID, KiteCredentials], Callable[[Clock], TurnPace]]:
    """Return the pacing of reads by these turns: no login is given more than all processes may take."""

    def pace(user_id: UUID, keys: KiteCredentials) -> Callable[[Clock], TurnPace]:
        account = asker(user_id, keys.api_key, keys.access_token).account
        return lambda clock: TurnPace(clock, turns, account, own=own)

    return pace


@dataclass(frozen=True, slots=True)
class WorkerComponents:
    """The parts of a worker: activities, scheduled orders, fast exits, stalled runs, waking, looks."""

    activities: Sequence[Callable[..., Any]]
    scheduled_orders: ScheduledOrders
    fast: FastExits
    waking: WorkerWaking
    standing: StandingRuns
    closes: ClosingPrices
    listed: ListedToday
    keeper: StopKeeper


@dataclass(frozen=True, slots=True)
class Notifiers:
    """Alerts to operators and notifications to users."""

    alerts: Alerts
    outbox: Outbox
    courier: Courier
    mails: AccountMails


@dataclass(frozen=True, slots=True)
class Readings:
    """Connections and logins of readings alone: no order waits for one.

    What the broker answers to a reading does not count as a proof of an order's login.
    """

    store: Store
    brokers: KiteBrokers


def open_readings(settings: Settings, dependencies: Dependencies, stack: AsyncExitStack) -> Readings:
    """Wire what the account watch and the checks before a START read with."""
    store = Store.open(
        settings.need("database_url_worker"), pool_size=2, application="stopwatch worker, accounts"
    )
    stack.push_async_callback(store.close)
    egress = Egress.of(settings.kite_root, settings.egress)
    turns = PostgresQuoteTurns(store, dependencies.clock)
    brokers = KiteBrokers(
        VaultCredentials(Credentials(store), dependencies.opener, egress),
        settings.kite_root,
        dependencies.clock,
        dependencies.pool,
        pace=lambda user_id, keys: shared(turns, asker(user_id, keys.api_key, keys.access_token)),
        reads=_by_turns(PostgresReadTurns(store), own=False),
    )
    stack.callback(brokers.close)
    return Readings(store, brokers)


def build_components(
    settings: Settings,
    dependencies: Dependencies,
    readings: Readings,
    client: Client,
    notifiers: Notifiers,
    metrics: WorkerMetrics,
) -> WorkerComponents:
    """Build the worker's components on its dependencies."""
    alerts = notifiers.alerts
    rules = ExecutionRules(
        entry_fill=settings.entry_fill_seconds,
        horizons=Horizons(
            entry=timedelta(seconds=settings.entry_horizon_seconds),
            exit_resend=timedelta(seconds=settings.exit_resend_after_seconds),
        ),
        missed_after=timedelta(seconds=settings.missed_after_seconds),
    )
    log = metrics.order_log(dependencies.store)
    word = PostgresOperatorDays(dependencies.store, dependencies.clock)
    days = CalendarTradingDays(
        open_calendar(settings.calendar, word.said), NoWord() if settings.calendar == "always-open" else word
    )
    stops, cache = PostgresRestingStops(dependencies.store), dependencies.cache
    path = OrderPath.on(log, cache, dependencies.brokers, dependencies.clock, days, alerts, stops, rules)
    scheduled_order_log = PostgresScheduledOrderLog(
        dependencies.store, dependencies.heartbeat_store, settings.build_id
    )
    scheduled_orders = ScheduledOrders(
        scheduled_order_log, path.entries, path.exits, path.sender, dependencies.clock, dependencies.name
    )
    fast = FastExits(
        dependencies.stops,
        scheduled_order_log,
        scheduled_orders,
        dependencies.clock,
        metrics.count_dropped_stops,
    )
    run_store = PostgresRunStore(dependencies.store)
    outages = PostgresOutages(dependencies.store)
    sessions = SessionActivities(days, outages, run_store, alerts, dependencies.clock)
    exit_waits = ExitWaitActivities(path.lifts, path.exits)
    trading = run_activities(
        path,
        scheduled_orders,
        DegradedExit(log, dependencies.brokers, dependencies.clock, rules.horizons),
        run_store,
        dependencies.cache,
        alerts,
    )
    logins = LoginActivities(dependencies.logins)
    open_runs = TemporalOpenRuns(client, settings.temporal_task_queue)
    series_store = PostgresSeries(dependencies.store)
    closes = ClosingPrices(
        PostgresNotedCloses(readings.store), readings.brokers, days, alerts, dependencies.clock
    )
    instruments = KiteInstruments(settings.kite_root, dependencies.clock)
    listed = ListedToday(instruments, dependencies.clock)
    series_days = SeriesDays(series_store, days, dependencies.clock, closes, listed)
    series = SeriesActivities(series_days, open_runs, dependencies.cache, alerts)
    reconciling = ReconcileActivities(
        PostgresReconciliation(dependencies.store),
        open_runs,
        log,
        dependencies.cache,
        dependencies.brokers,
        alerts,
        dependencies.clock,
        dependencies.mark,
        Watchers(dependencies.store),
        SeriesRounds(series_store, series_days, open_runs, dependencies.clock),
    )
    morning = MorningActivities(
        PostgresOperatorAlerts(dependencies.store),
        days,
        MorningFunds(dependencies.brokers),
        alerts,
        dependencies.clock,
    )
    found: list[Callable[..., Any]] = [
        *trading,
        *(exit_waits.wait_for_lift, exit_waits.look_at_account, sessions.next_session),
        *(series.end_day, series.begin_next, series.plan_anew),
        *(logins.log_in, CheckActivities(CheckReading(readings.brokers)).read_for_check),
        *(reconciling.reconcile, morning.tell_people),
        NotificationActivities(
            notifiers.outbox, notifiers.courier, dependencies.clock, notifiers.mails
        ).deliver_notices,
    ]
    waking = WorkerWaking(outages, dependencies.clock, dependencies.name)
    standing = StandingRuns(
        PostgresOverdueRuns(dependencies.store, rules.horizons.entry),
        path.entries,
        path.exits,
        alerts,
        dependencies.clock,
        dependencies.name,
    )
    keeper = StopKeeper(path.keeping, path.exits, dependencies.name)
    return WorkerComponents(found, scheduled_orders, fast, waking, standing, closes, listed, keeper)


def account_watch(dependencies: Dependencies, readings: Readings, alerts: Alerts) -> AccountWatch:
    """Wire the account watch."""
    reads, isins = PostgresAccountReads(readings.store), PostgresIsins(readings.store)
    return AccountWatch(reads, readings.brokers, alerts, isins, dependencies.clock)


def charge_check(dependencies: Dependencies, readings: Readings, alerts: Alerts) -> ChargeCheck:
    """Wire the check of charges, which asks with the logins of readings."""
    return ChargeCheck(PostgresChargeChecks(readings.store), readings.brokers, alerts, dependencies.clock)


def account_day_watch(
    settings: Settings, dependencies: Dependencies, client: Client, alerts: Alerts, stack: AsyncExitStack
) -> AccountDayWatch:
    """Wire the watch over the limits of accounts' days, on connections of its own: it waits for no order."""
    store = Store.open(
        settings.need("database_url_worker"), pool_size=2, application="stopwatch worker, limits"
    )
    stack.push_async_callback(store.close)
    runs = TemporalOpenRuns(client, settings.temporal_task_queue)
    return AccountDayWatch(PostgresAccountDays(store), runs, alerts, dependencies.clock, dependencies.name)


async def open_notifiers(
    settings: Settings, dependencies: Dependencies, metrics: WorkerMetrics, stack: AsyncExitStack
) -> Notifiers:
    """Wire alerts and notifications, on connections of their own: no order waits for them."""
    store = Store.open(
        settings.need("database_url_worker"), pool_size=2, application="stopwatch worker, telling"
    )
    stack.push_async_callback(store.close)
    anywhere = settings.notices_private == "on"
    webhooks = await stack.enter_async_context(Webhooks(dependencies.clock, anywhere=anywhere))
    pushes = WebPushes(dependencies.clock, _push_key(settings), anywhere=anywhere)
    await stack.enter_async_context(pushes)
    services, mailer = Services(anywhere=anywhere), Mailer(settings.mail)
    stack.callback(services.close)
    stack.callback(mailer.close)
    outbox = PostgresOutbox(store)
    mails = MailedAccounts(PostgresAccountMails(store), mailer, settings.public_url)
    alerts = await stack.enter_async_context(open_alerts(settings.cloudwatch_namespace, "worker"))
    user_alerts = NotificationAlerts(metrics.alerts(alerts), outbox, dependencies.clock)
    courier = ChannelCourier(dependencies.opener, webhooks, services, mailer, pushes)
    return Notifiers(user_alerts, outbox, courier, mails)


def _push_key(settings: Settings) -> PushKey | None:
    key = settings.push_private_key
    return PushKey(key.get_secret_value(), settings.push_sender) if key is not None else None


def dependency_watch(
    settings: Settings, client: Client, alerts: Alerts, name: str, stack: AsyncExitStack
) -> DependencyWatch:
    """Wire the dependency watch of worker `name` on connections of its own: a busy pool is no outage."""
    store = Store.open(
        settings.need("database_url_worker"), pool_size=1, application="stopwatch worker, watching"
    )
    stack.push_async_callback(store.close)
    cache = RedisRuntimeCache.connect(settings.need_redis("worker"))
    stack.push_async_callback(cache.close)
    mark = RedisMark.connect(settings.need_redis("worker"))
    stack.push_async_callback(mark.close)
    dependencies = [
        redis_dependency(cache.ping, mark.lose),
        postgres_dependency(lambda: store.probe(name)),
        temporal_dependency(TemporalReadiness(client, Watchers(store).live_builds).check_server),
        disk_dependency(Disk(settings.disk).check),
    ]
    return DependencyWatch(dependencies, alerts, SystemClock())
