"""Whether the parts the product stands on answer: one alarm when one is away, one when it is back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

import structlog
from temporalio.client import Client

from domain.errors import Unavailable
from domain.ports import Alerts, Clock
from domain.run import Alarm
from domain.session import exchange_time

EVERY = 2.0
ANSWER_SECONDS = 1.0
AGAIN = 0.5
"""One look that fails is looked into once more: with the two deadlines, an outage is told within 4.5 s."""
STOOD_STILL = 0.5
"""An answer that is missed by more than this was missed by us: this process was frozen, or starved."""

log = structlog.stdlib.get_logger("parts")


@dataclass(frozen=True, slots=True)
class Part:
    """A part: `ask` returns when it answers and raises when it does not; `meaning` is for a person."""

    kind: str
    name: str
    ask: Callable[[], Awaitable[object]]
    meaning: str


def redis_part(ask: Callable[[], Awaitable[object]]) -> Part:
    return Part(
        "redis",
        "Redis",
        ask,
        "Nothing is bought until it is back; stops are watched and exits go on. Start it again, or see to "
        "STOPWATCH_REDIS_URL.",
    )


def postgres_part(ask: Callable[[], Awaitable[object]]) -> Part:
    return Part(
        "postgres",
        "Postgres",
        ask,
        "Nothing is bought until it is back, the API answers 503, and exits go on without it, more slowly. "
        "Start it again, or see to STOPWATCH_DATABASE_URL_WORKER.",
    )


def temporal_part(client: Client) -> Part:
    async def ask() -> None:
        if not await client.service_client.check_health(timeout=timedelta(seconds=ANSWER_SECONDS)):
            raise Unavailable("Temporal says that it does not serve")

    return Part(
        "temporal",
        "Temporal",
        ask,
        "No run goes on until it is back: nothing is bought, and nothing sold but what was on its way; the "
        "listener keeps signalling stops. Look at the positions yourself if it lasts, and start it again, or "
        "see to STOPWATCH_TEMPORAL_ADDRESS.",
    )


class _Answer(Enum):
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


class DependencyWatch:
    """Asks every part all the time, each on its own: `{kind}_down` once an outage, `{kind}_back` after it.

    `down` says which are away, and since when. Several workers are several watchers, and each of them tells.
    """

    def __init__(self, parts: Sequence[Part], alerts: Alerts, clock: Clock) -> None:
        self._parts = parts
        self._alerts = alerts
        self._clock = clock
        self._let_go_of: set[asyncio.Future[object]] = set()
        self.down: dict[str, datetime] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for part in self._parts:
                group.create_task(self._watch(part), name=f"watch {part.kind}")

    async def _watch(self, part: Part) -> None:
        while True:
            try:
                await self._look(part)
            except Exception:
                log.exception("a part was not looked at; it is again", part=part.kind)
            await self._clock.sleep(EVERY)

    async def _look(self, part: Part) -> None:
        since = self._clock.now()
        answer = await self._asked(part)
        if answer is _Answer.NO and part.kind not in self.down:
            await self._clock.sleep(AGAIN)
            answer = await self._asked(part)
        if answer is _Answer.NO and part.kind not in self.down:
            self.down[part.kind] = since
            await self._alerts.raise_(_down(part, since))
        elif answer is _Answer.YES and part.kind in self.down:
            await self._alerts.raise_(_back(part, self.down.pop(part.kind), self._clock.now()))

    async def _asked(self, part: Part) -> _Answer:
        began = self._clock.monotonic()
        asking = asyncio.ensure_future(part.ask())
        try:
            await asyncio.wait({asking}, timeout=ANSWER_SECONDS)
        finally:
            self._let_go(asking)
        if asking.done() and not asking.cancelled() and asking.exception() is None:
            return _Answer.YES
        if self._clock.monotonic() - began > ANSWER_SECONDS + STOOD_STILL:
            return _Answer.UNCLEAR
        if part.kind not in self.down:
            log.info("a part does not answer", part=part.kind, error=_reason(asking))
        return _Answer.NO

    def _let_go(self, asking: "asyncio.Future[object]") -> None:
        # Not waited for: a driver may take seconds to give up a connection whose other end stands still.
        if not asking.done():
            self._let_go_of.add(asking)
            asking.add_done_callback(self._gone)
            asking.cancel()

    def _gone(self, asking: "asyncio.Future[object]") -> None:
        self._let_go_of.discard(asking)
        if not asking.cancelled():
            asking.exception()  # looked at, so that nobody complains that it was not


def _reason(asking: "asyncio.Future[object]") -> str:
    if not asking.done() or asking.cancelled():
        return "no answer in time"
    return type(asking.exception()).__name__


def _down(part: Part, since: datetime) -> Alarm:
    return Alarm(
        f"{part.kind}_down",
        f"{part.name} does not answer since {exchange_time(since):%H:%M:%S}. {part.meaning}",
        data={"since": since.isoformat()},
    )


def _back(part: Part, since: datetime, now: datetime) -> Alarm:
    away = (now - since).total_seconds()
    return Alarm(
        f"{part.kind}_back",
        f"{part.name} answers again, after {away:.0f} s.",
        data={"since": since.isoformat(), "seconds": f"{away:.1f}"},
    )
