"""One API process: reads the settings, wires the parts, serves until it is told to end."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import structlog
import uvicorn
import uvloop
from pydantic import ValidationError

from adapters.calendar.exchange import open_calendar
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.egress import BadEgress, Egress
from adapters.kite.instruments import KiteInstruments
from adapters.kite.login import ZERODHA_LOGIN, KiteLogin
from adapters.notifications.vapid import checked_public_key
from adapters.postgres.calendar_days import PostgresOperatorDays
from adapters.postgres.engine import Store
from adapters.postgres.notify_listener import EVENT_ADDED, NotifyListener
from adapters.postgres.rls_check import RowSecurityMissing, check_row_security
from adapters.postgres.watchers import Watchers
from adapters.process.clock import SystemClock
from adapters.process.failpoints import BadFailpoint, arm_from
from adapters.process.garbage_collection import collect_in_parts
from adapters.process.hardening import no_core_dumps, untraceable
from adapters.process.leaving import leave
from adapters.redis.last_prices import RedisLastPrices
from adapters.redis.rate_limiter import Limiter
from adapters.secrets.derived_keys import TotpBox
from adapters.secrets.process_keys import sealing
from adapters.secrets.vault import BadKey, LoginKeyBox, Sealer
from adapters.telemetry.disk import Disk
from adapters.telemetry.held_stop_check import HeldStopCheck
from adapters.telemetry.logs import configure
from adapters.telemetry.process_tracing import open_tracing
from adapters.telemetry.round_watch import RoundWatch
from adapters.temporal.connection import BadCertificate, TemporalAddress, connect
from adapters.temporal.readiness import TemporalReadiness
from api.app import create_app
from api.dependencies import Dependencies
from api.http.connections import most_connections, protocol
from api.http.event_notifier import PostgresEventNotifier
from domain.errors import StoreUnavailable, Unavailable
from services.auth.passwords import Passwords
from services.auth.revoked_logins import RevokedLogins
from services.auth.throttle import Throttle
from services.auth.tokens import Tokens, WeakSecret
from services.bounds import Bounds
from settings import MissingSetting, Settings, what_is_wrong
from workflows.broker_client import TemporalChecks, TemporalLogins
from workflows.client import TemporalRuns

DATABASE_CONNECTIONS = 10
FIRST_READING = 2.0
"""Seconds for the first reading of the operator's trading days; later ones go on beside the requests."""
ASK_AGAIN = 0.5
"""Seconds until a Postgres that is away is asked again whether it keeps users apart."""
GRACE_SECONDS = 3
"""Seconds for open answers when the process is told to end; event streams are ended at once."""
BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
"""Longer than clients and load balancers keep a quiet connection (15 to 60 s): who closes first must not be
us, or a request that is on its way meets a closed door."""


class PortTaken(Exception):
    """The address cannot be listened on; the message is a sentence."""


def main() -> int:
    """Serve; return the exit status: 2 when it cannot start as it is told to."""
    no_core_dumps()
    at = _arguments()
    try:
        settings = Settings()
        if not settings.traceable:
            untraceable()
        configure(settings.log_level, settings.log_format)
        arm_from(settings.failpoints, settings.failpoints_log)
        with _listening(at.host, at.port) as listener:
            uvloop.run(_serve(settings, listener))
    except ValidationError as wrong:
        return _refuse(f"A setting is not right: {what_is_wrong(wrong)}.")
    except (
        *(MissingSetting, BadKey, BadFailpoint, WeakSecret, PortTaken),
        *(RowSecurityMissing, BadCertificate, BadEgress),
    ) as reason:
        return _refuse(str(reason))
    return 0


async def _serve(settings: Settings, listener: socket.socket) -> None:
    async with wired(settings) as deps:
        app = create_app(deps)
        config = uvicorn.Config(
            app,
            http=protocol(most_connections()),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,  # the app itself heeds the proxies of the settings, and no others
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            backlog=BACKLOG,
        )
        server = uvicorn.Server(config)
        loop = asyncio.get_running_loop()

        def end(number: int) -> None:
            app.state.stream_keeper.end()
            server.handle_exit(number, None)

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end, number)
        async with _guarded(end, deps.store), _beside(collect_in_parts()):
            # Not `serve`: it raises the signal again when it is done, before our parts are closed.
            await server._serve([listener])


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do some work while the context lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await _ended(task)


@asynccontextmanager
async def _guarded(end: Callable[[int], None], store: Store) -> AsyncIterator[None]:
    """End the server where Postgres would not keep users apart. Raises `RowSecurityMissing`.

    Postgres may be away at the start; then it serves no user either, and it is asked until it answers.
    """
    asking = asyncio.create_task(_until_checked(store))
    asking.add_done_callback(lambda done: end(signal.SIGTERM) if _failed(done) else None)
    try:
        yield
    finally:
        if not asking.done():
            asking.cancel()
    if asking.done() and not asking.cancelled():
        asking.result()


async def _until_checked(store: Store) -> None:
    while True:
        try:
            return await check_row_security(store)
        except StoreUnavailable:
            await asyncio.sleep(ASK_AGAIN)


def _failed(done: "asyncio.Task[None]") -> bool:
    return not done.cancelled() and done.exception() is not None


@asynccontextmanager
async def wired(settings: Settings) -> AsyncIterator[Dependencies]:
    """Give the parts, connected when they are first used; the API starts while its dependencies are down."""
    async with AsyncExitStack() as stack:
        jwt_secret = settings.need("jwt_secret")
        tokens = Tokens(jwt_secret)
        sealer = Sealer(settings.need("seal_key"))
        push_key = checked_public_key(settings.push_public_key) if settings.push_public_key else None
        url = settings.need("database_url_api")
        prices = RedisLastPrices.connect(settings.need_redis("api"))
        stack.push_async_callback(prices.close)
        limiter = Limiter(settings.need_redis("api"))
        stack.push_async_callback(limiter.close)
        tracing = stack.enter_context(open_tracing(settings.otlp_endpoint, "api"))
        temporal = await connect(TemporalAddress.of(settings), lazy=True, interceptors=tracing.interceptors)
        store = Store.open(
            url, pool_size=DATABASE_CONNECTIONS, application=sealing("stopwatch api", sealer.key_id)
        )
        stack.push_async_callback(store.close)
        wire = ConnectionPool()
        stack.callback(wire.close)
        passwords = Passwords()
        stack.callback(passwords.close)
        clock = SystemClock()
        instruments = KiteInstruments(settings.kite_root, clock)
        notifier = PostgresEventNotifier(NotifyListener(url), EVENT_ADDED)
        word = PostgresOperatorDays(store, clock)
        await _read_once(word)
        for work in (notifier.listen(), _warm_up(instruments), word.keep_reading()):
            stack.push_async_callback(_ended, asyncio.create_task(work))
        yield Dependencies(
            store=store,
            runs=TemporalRuns(temporal, settings.temporal_task_queue),
            broker_logins=TemporalLogins(temporal, settings.temporal_task_queue),
            account_checks=TemporalChecks(temporal, settings.temporal_task_queue),
            egress=Egress.of(settings.kite_root, settings.egress),
            missed_after=timedelta(seconds=settings.missed_after_seconds),
            kite=KiteLogin(settings.kite_root, wire, settings.paper_login_page or ZERODHA_LOGIN),
            instruments=instruments,
            calendar=open_calendar(settings.calendar, word.said),
            prices=prices,
            event_notifier=notifier,
            clock=clock,
            tokens=tokens,
            revoked_logins=RevokedLogins(store),
            throttle=Throttle(
                limiter, on=settings.throttle == "on", registrations=settings.registrations_an_hour
            ),
            registration=settings.registration == "open",
            bounds=_bounds(settings),
            passwords=passwords,
            sealer=sealer,
            login_keys=LoginKeyBox(jwt_secret),
            totp_secrets=TotpBox(jwt_secret),
            checks={
                "postgres": store.probe_write,
                "redis": prices.ping,
                "temporal": TemporalReadiness(temporal, Watchers(store).live_builds).check,
                "reconciler": RoundWatch(Watchers(store).round_age, clock).check,
                "stops": HeldStopCheck(Watchers(store).watch_age).check,
                "disk": Disk(settings.disk).check,
            },
            cors_origins=tuple(word.strip() for word in settings.cors_origins.split(",") if word.strip()),
            trusted_proxies=settings.proxies,
            docs=settings.docs,
            private_webhooks=settings.notices_private == "on",
            push_key=push_key,
            tracer=tracing.tracer,
        )


def _bounds(settings: Settings) -> Bounds:
    """Return what one user may have; streams of all users leave half of the connections to other calls."""
    return Bounds(
        streams=settings.max_streams,
        streams_in_all=most_connections() // 2,
        strategies=settings.max_strategies,
        running=settings.max_running,
        channels=settings.max_channels,
    )


async def _warm_up(instruments: KiteInstruments) -> None:
    """Read the list of symbols before a request waits for it."""
    with suppress(Unavailable):
        await instruments.refresh()


async def _read_once(word: PostgresOperatorDays) -> None:
    """Read the operator's trading days before the first request, where Postgres answers soon."""
    with suppress(Unavailable, TimeoutError):
        async with asyncio.timeout(FIRST_READING):
            await word.fresh(0)


async def _ended(task: asyncio.Task[None]) -> None:
    while not task.done():  # asyncio.wait_for of Python 3.11 may lose a cancellation
        task.cancel()
        await asyncio.wait([task], timeout=0.5)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"The API cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}. "
            "Stop what is listening there, or choose another with --port."
        ) from None
    return listener


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="stopwatch api", description="The REST API.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    return parser.parse_args()


def _refuse(reason: str) -> int:
    structlog.reset_defaults()
    sys.stderr.write(f"The API cannot start. {reason}\n")
    return 2


if __name__ == "__main__":
    leave(main())
