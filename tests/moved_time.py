"""Time that is moved for everything at once: Temporal's test server, Postgres, and the product's clock.

The time-skipping server leads. Each activity begins at the server's time, and what sleeps in the product is
woken in its order: the time then is that for which it slept. Postgres tells the same time: its functions for
it are hidden behind those of the schema `public`, which is first in the search path.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self

import asyncpg
from sqlalchemy.engine import make_url
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from migrations import schema
from migrations.roles import Role, make_roles
from tests.postgres import API, PostgresServer

SETTLED = 0.02
"""Real seconds in which whatever can go on without time has done so, before a sleeper is woken."""
_FUNCTIONS = "".join(
    f"CREATE FUNCTION public.{name}() RETURNS timestamptz LANGUAGE sql {kind} SECURITY DEFINER "  # noqa: S608
    f"AS 'SELECT pg_catalog.{name}() + ahead FROM public.moved_time';"
    for name, kind in (
        ("now", "STABLE"),
        ("transaction_timestamp", "STABLE"),
        ("statement_timestamp", "STABLE"),
        ("clock_timestamp", "VOLATILE"),
    )
)


async def moved_database(postgres: PostgresServer) -> str:
    """Return the owner's URL of a new, migrated database whose time is moved, by nothing as yet."""
    url = await postgres.empty_database()
    name = make_url(url).database or ""
    await postgres.execute(f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
    await postgres.execute("CREATE TABLE public.moved_time AS SELECT interval '0' AS ahead", name)
    await postgres.execute(_FUNCTIONS, name)
    await schema.upgrade(url)
    await make_roles(url, [Role.of("api", postgres.url(name, **API))])
    return url


class MovedTime(Interceptor):
    """The product's clock, which follows the server, and which Postgres is told of (`tell`)."""

    def __init__(self, tell: Callable[[timedelta], Awaitable[object]]) -> None:
        self._tell = tell
        self._ahead = timedelta(0)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._waking: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def of(cls, url: str) -> AsyncIterator[Self]:
        """Move the time of a database."""
        rows = await asyncpg.connect(url)
        time = cls(lambda ahead: rows.execute("UPDATE public.moved_time SET ahead = $1", ahead))
        try:
            yield time
        finally:
            if time._waking is not None:
                time._waking.cancel()
            await rows.close()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return self.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self.now() + timedelta(seconds=seconds))

    async def sleep_until(self, instant: datetime) -> None:
        awake = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (instant, next(self._numbers), awake))
        if self._waking is None or self._waking.done():
            self._waking = asyncio.create_task(self._wake())
        await awake

    async def follow(self, instant: datetime) -> None:
        """Move to an instant; time never goes back."""
        async with self._writing:
            ahead = instant - datetime.now(UTC)
            if ahead > self._ahead:
                await self._tell(ahead)
                self._ahead = ahead

    async def _wake(self) -> None:
        while self._sleepers:
            await asyncio.sleep(SETTLED)
            instant, _, awake = heapq.heappop(self._sleepers)
            if not awake.done():
                await self.follow(instant)
                awake.set_result(None)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _AtTheServersTime(next, self)


class _AtTheServersTime(ActivityInboundInterceptor):
    """Has each activity begin at the time at which the server started it."""

    def __init__(self, next: ActivityInboundInterceptor, time: MovedTime) -> None:
        super().__init__(next)
        self._time = time

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if not activity.info().is_local:
            await self._time.follow(activity.info().started_time)
        return await super().execute_activity(input)
