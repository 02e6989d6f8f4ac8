"""`python -m listener`: the composition root of the market listener."""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack, suppress
from uuid import uuid4

import structlog
import uvloop
from pydantic import ValidationError

from adapters.alerts.cloudwatch_unset import CloudWatchUnset
from adapters.alerts.process_alerts import open_alerts
from adapters.kite.broker import KiteBroker
from adapters.kite.brokers import KiteBrokers
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.egress import BadEgress, Egress
from adapters.kite.feed_socket import FeedLogin
from adapters.kite.instruments import KiteInstruments
from adapters.kite.market_data import KiteMarketData, UsersMarketData
from adapters.kite.operator_login import OperatorLogin
from adapters.postgres.account_moves import PostgresAccountMoves
from adapters.postgres.credentials import FeedLogins
from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.membership import PostgresMembers
from adapters.postgres.notify_listener import NotifyListener
from adapters.postgres.watch_list import PostgresWatchList
from adapters.process.clock import SystemClock
from adapters.process.failpoints import BadFailpoint, arm_from
from adapters.process.garbage_collection import set_aside
from adapters.process.hardening import no_core_dumps, untraceable
from adapters.process.leaving import leave
from adapters.redis.fast_stops import RedisFastStops
from adapters.redis.minute_prices import RedisMinutePrices
from adapters.redis.runtime_cache import RedisRuntimeCache
from adapters.secrets.feed_credentials import FeedCredentials
from adapters.secrets.process_keys import opening
from adapters.secrets.stop_signatures import StopSignatures
from adapters.secrets.vault import BadKey, Opener
from adapters.telemetry.alert_counter import CountedAlerts
from adapters.telemetry.logs import configure
from adapters.telemetry.metrics_server import MetricsPortTaken, serving
from adapters.telemetry.process_tracing import open_tracing
from adapters.temporal.connection import BadCertificate, TemporalAddress, at_port, connect
from domain.errors import CacheUnavailable, LoginNeeded
from domain.ports import Broker, FastStops
from listener.accounts import Accounts, EachTheirOwn, OneForAll
from listener.fast_path import SignalsAlone
from listener.health import Ask, Health
from listener.metrics import ListenerMetrics
from listener.service import Listener
from settings import MissingSetting, Settings, what_is_wrong
from workflows.client import TemporalStopSignals

log = structlog.stdlib.get_logger("listener")


async def serve(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT. Raises `MissingSetting`, `BadKey` before anything is connected."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        metrics = ListenerMetrics()
        listener = await _listener(settings, stack, metrics)
        running = asyncio.create_task(listener.run())
        ready = asyncio.create_task(_say_ready(settings, listener))
        stopped = asyncio.create_task(stopping.wait())
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await listener.hand_over()
        for task in (ready, stopped, running):
            task.cancel()
        await asyncio.gather(ready, stopped, running, return_exceptions=True)


async def _listener(settings: Settings, stack: AsyncExitStack, metrics: ListenerMetrics) -> Listener:
    clock = SystemClock()
    database = settings.need("database_url_listener")
    opener = _opener(settings)
    application = opening("stopwatch listener", opener.key_ids) if opener else "stopwatch listener"
    store = Store.open(database, pool_size=3, application=application)
    stack.push_async_callback(store.close)
    cache = RedisRuntimeCache.connect(settings.need_redis("listener"))
    stack.push_async_callback(cache.close)
    minutes = RedisMinutePrices.connect(settings.need_redis("listener"))
    stack.push_async_callback(minutes.close)
    stops = await _fast_stops(settings, stack)
    # A connection of their own: no lease runs out behind a watch list of ten thousand strategies.
    leases = Store.open(database, pool_size=1, application="stopwatch listener, leases")
    stack.push_async_callback(leases.close)
    notifications = NotifyListener(database)
    metrics.show_dropped(lambda: notifications.dropped)
    connections = ConnectionPool()
    stack.callback(connections.close)
    accounts = _accounts(settings, opener, store, connections, clock)
    alerts = await stack.enter_async_context(open_alerts(settings.cloudwatch_namespace, "listener"))
    tracing = stack.enter_context(open_tracing(settings.otlp_endpoint, "listener"))
    # Lazy: a listener that starts while Temporal is away still watches, and signals when it is back.
    client = await connect(
        TemporalAddress.of(settings),
        lazy=True,
        metrics=at_port(settings.metrics_host, settings.temporal_metrics_port),
        interceptors=tracing.interceptors,
    )
    listener = Listener(
        PostgresWatchList(store, notifications),
        accounts,
        KiteInstruments(settings.kite_root, clock),
        TemporalStopSignals(client),
        stops,
        PostgresMembers(leases),
        _name(clock),
        cache,
        minutes,
        CountedAlerts(alerts, metrics.registry),
        clock,
        PostgresAccountMoves(store),
        PostgresHeldStops(leases),
    )
    metrics.show(lambda: listener.numbers)
    dependencies: dict[str, Ask] = {
        "postgres": store.ping,
        "redis": cache.ping,
        "temporal": client.service_client.check_health,
    }
    health = Health(dependencies, lambda: listener.numbers)
    shown = serving(settings.metrics_host, settings.metrics_port, metrics.registry, health.ill)
    await stack.enter_async_context(shown)
    return listener


async def _fast_stops(settings: Settings, stack: AsyncExitStack) -> FastStops:
    """Return the way to the workers' queue; signals alone where it is off, or nothing can sign an event."""
    keys = settings.encryption_keys.get_secret_value() if settings.encryption_keys else ""
    if settings.fast_path == "off":
        return SignalsAlone()
    if not keys:
        log.warning("STOPWATCH_ENCRYPTION_KEYS is not set: stops go by their signals alone, which is slower")
        return SignalsAlone()
    stops = RedisFastStops.connect(settings.need_redis("listener"), StopSignatures(keys))
    stack.push_async_callback(stops.close)
    with suppress(CacheUnavailable):  # stops are signalled until it is there
        await stops.warm()
    return stops


def _name(clock: SystemClock) -> str:
    """Return this listener's name among the others; an older one's comes first in the alphabet."""
    return f"{int(clock.now().timestamp() * 1000):013d}-{uuid4().hex[:8]}"


def _opener(settings: Settings) -> Opener | None:
    """Return what opens users' own logins; None where the operator's feed account serves all users."""
    if settings.feed_api_key is not None or settings.feed_access_token is not None:
        return None
    return Opener.local(settings.need("encryption_keys"))


def _accounts(
    settings: Settings, opener: Opener | None, store: Store, connections: ConnectionPool, clock: SystemClock
) -> Accounts:
    if opener is None:

        def open_broker(login: FeedLogin) -> Broker:
            client = KiteClient(login.api_key, login.access_token, settings.kite_root, connections)
            return KiteBroker(client, clock)

        _feed_login(settings)
        operator = OperatorLogin(_feed_login_now, open_broker)
        return OneForAll(KiteMarketData.of_operator(operator, settings.kite_ws_root, clock))
    credentials = FeedCredentials(FeedLogins(store), opener, Egress.of(settings.kite_root, settings.egress))
    brokers = KiteBrokers(credentials, settings.kite_root, clock, connections)
    users = UsersMarketData(credentials, brokers, settings.kite_ws_root, clock)
    return EachTheirOwn(users.of)


def _feed_login(settings: Settings) -> FeedLogin:
    """Return the operator's login; read anew each time, since `.env` gets a new token every morning."""
    key, token = settings.feed_api_key, settings.feed_access_token
    if not key or not token:
        raise MissingSetting(
            "STOPWATCH_FEED_API_KEY and STOPWATCH_FEED_ACCESS_TOKEN belong together: set both for a feed "
            "account that serves every user, or neither."
        )
    return FeedLogin(key.get_secret_value(), token.get_secret_value())


def _feed_login_now() -> FeedLogin:
    # In the middle of the day a file that is just being replaced is a login to wait for, not the end.
    try:
        return _feed_login(Settings())
    except MissingSetting as missing:
        raise LoginNeeded(str(missing)) from None


async def _say_ready(settings: Settings, listener: Listener) -> None:
    await listener.until_ready()
    set_aside()
    log.info("listener is ready")
    if settings.ready_file is not None:
        settings.ready_file.write_text("ready\n")


def main() -> int:
    """Run a listener; return its exit status: 0 after a clean end, 2 when a setting is missing or wrong."""
    no_core_dumps()
    try:
        settings = Settings()
        if not settings.traceable:
            untraceable()
        configure(settings.log_level, settings.log_format)
        arm_from(settings.failpoints, settings.failpoints_log)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except (
        *(MissingSetting, BadKey, BadEgress, BadFailpoint, CloudWatchUnset, BadCertificate),
        MetricsPortTaken,
    ) as wrong:
        return _cannot_start(str(wrong))
    except ValidationError as wrong:
        return _cannot_start(f"{what_is_wrong(wrong)}.")
    return 0


def _cannot_start(reason: str) -> int:
    sys.stderr.write(f"The listener cannot start. {reason}\n")
    return 2


if __name__ == "__main__":
    leave(main())
