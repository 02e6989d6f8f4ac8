"""Checks whether Postgres, Redis and Temporal answer; raises one alarm per outage and one when it ends."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import structlog

from domain.errors import StandsStill, Unavailable
from domain.part_refusal import help_with, refused
from domain.ports import Alerts, Clock
from domain.run import Alarm
from domain.session import exchange_time

EVERY = 2.0
ANSWER_SECONDS = 1.0
AGAIN = 0.5
"""A failed check is repeated once: with the two deadlines, an outage is reported within 4.5 s."""
STALL_SECONDS = 0.5
"""A deadline missed by more than this means that this process itself was frozen or starved."""

log = structlog.stdlib.get_logger("dependencies")


@dataclass(frozen=True, slots=True)
class Dependency:
    """A dependency: `ask` returns when it answers and raises when it does not; `meaning` is for operators."""

    kind: str
    name: str
    ask: Callable[[], Awaitable[object]]
    meaning: str
    ill: str = "down"
    """The second half of its alarm's kind."""
    came_back: Callable[[], Awaitable[object]] | None = None
    """Called when it is back: what it refused until then is to be written again."""


def redis_dependency(
    ask: Callable[[], Awaitable[object]], came_back: Callable[[], Awaitable[object]] | None = None
) -> Dependency:
    """`came_back` has what it missed written again."""
    return Dependency(
        "redis",
        "Redis",
        ask,
        "Nothing is bought until it is back; stops are watched and exits go on. ",
        came_back=came_back,
    )


def postgres_dependency(ask: Callable[[], Awaitable[object]]) -> Dependency:
    return Dependency(
        "postgres",
        "Postgres",
        ask,
        "Nothing is bought until it is back, the API answers 503, and exits go on without it, more slowly. ",
    )


def disk_dependency(ask: Callable[[], Awaitable[object]]) -> Dependency:
    return Dependency("disk", "The disk", ask, "", ill="low")


_START = {
    "redis": "Start it again, or see to STOPWATCH_REDIS_URL.",
    "postgres": "Start it again, or see to STOPWATCH_DATABASE_URL_WORKER.",
}
"""What to do about a part that does not answer at all."""


def temporal_dependency(ask: Callable[[], Awaitable[object]]) -> Dependency:
    return Dependency(
        "temporal",
        "Temporal",
        ask,
        "No run goes on until it is back: nothing more is bought. What hits its stop is sold by the workers, "
        "and what is due half a minute after its time, without their runs. Look at the positions yourself if "
        "it lasts, and start it again, or see to STOPWATCH_TEMPORAL_ADDRESS.",
    )


class _Answer(Enum):
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class _Ill:
    """Why a dependency is down: the end of a sentence that begins with its name, and what to do."""

    words: str = "does not answer"
    help: str = ""
    told: str = ""
    """Its own sentence, where it has one."""


class DependencyWatch:
    """Checks every dependency continuously: `{kind}_down` once an outage, `{kind}_back` after it.

    `down` says which do not answer, and since when. Each worker watches and raises alarms of its own.
    """

    def __init__(self, dependencies: Sequence[Dependency], alerts: Alerts, clock: Clock) -> None:
        self._dependencies = dependencies
        self._alerts = alerts
        self._clock = clock
        self._abandoned: set[asyncio.Future[object]] = set()
        self._found: dict[str, _Ill] = {}
        self.down: dict[str, datetime] = {}

    def ill(self) -> dict[str, str]:
        """Return what is down, each with why and since when, for a process's readiness."""
        return {
            kind: self._found[kind].told
            or f"{self._found[kind].words}, since {exchange_time(since):%H:%M:%S}. {self._found[kind].help}"
            for kind, since in self.down.items()
        }

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for dependency in self._dependencies:
                group.create_task(self._watch(dependency), name=f"watch {dependency.kind}")

    async def _watch(self, dependency: Dependency) -> None:
        while True:
            try:
                await self._look(dependency)
            except Exception:
                log.exception("checking a dependency failed; retrying", part=dependency.kind)
            await self._clock.sleep(EVERY)

    async def _look(self, dependency: Dependency) -> None:
        since = self._clock.now()
        answer = await self._asked(dependency)
        if answer is _Answer.NO and dependency.kind not in self.down:
            await self._clock.sleep(AGAIN)
            answer = await self._asked(dependency)
        if answer is _Answer.NO and dependency.kind not in self.down:
            self.down[dependency.kind] = since
            await self._alerts.raise_(_down(dependency, since, self._found[dependency.kind]))
        elif answer is _Answer.YES and dependency.kind in self.down:
            if dependency.came_back is not None:
                await dependency.came_back()  # where that fails, it is down still
            await self._alerts.raise_(_back(dependency, self.down.pop(dependency.kind), self._clock.now()))

    async def _asked(self, dependency: Dependency) -> _Answer:
        began = self._clock.monotonic()
        asking = asyncio.ensure_future(dependency.ask())
        try:
            await asyncio.wait({asking}, timeout=ANSWER_SECONDS)
        finally:
            self._abandon(asking)
        if asking.done() and not asking.cancelled() and asking.exception() is None:
            return _Answer.YES
        if self._clock.monotonic() - began > ANSWER_SECONDS + STALL_SECONDS:
            return _Answer.UNCLEAR
        self._found[dependency.kind] = _why(dependency, asking)
        if dependency.kind not in self.down:
            log.info("a dependency does not answer", part=dependency.kind, error=_reason(asking))
        return _Answer.NO

    def _abandon(self, asking: "asyncio.Future[object]") -> None:
        # Not waited for: a driver may take seconds to give up a connection whose other end stands still.
        if not asking.done():
            self._abandoned.add(asking)
            asking.add_done_callback(self._forget)
            asking.cancel()

    def _forget(self, asking: "asyncio.Future[object]") -> None:
        self._abandoned.discard(asking)
        if not asking.cancelled():
            asking.exception()  # retrieved, so that asyncio logs no warning


def _reason(asking: "asyncio.Future[object]") -> str:
    if not asking.done() or asking.cancelled():
        return "no answer in time"
    return type(asking.exception()).__name__


def _why(dependency: Dependency, asking: "asyncio.Future[object]") -> _Ill:
    start = _START.get(dependency.kind, "")
    if not asking.done() or asking.cancelled():
        return _Ill(help=start)
    error = asking.exception()
    if isinstance(error, StandsStill):
        return _Ill(told=str(error))
    if isinstance(error, Unavailable) and error.refusal is not None:
        return _Ill(refused(error.refusal), help_with(error.refusal))
    return _Ill(help=start)


def _down(dependency: Dependency, since: datetime, why: _Ill) -> Alarm:
    since_then = f"since {exchange_time(since):%H:%M:%S}"
    told = why.told or f"{dependency.name} {why.words}, {since_then}. {dependency.meaning}{why.help}"
    return Alarm(f"{dependency.kind}_{dependency.ill}", told, data={"since": since.isoformat()})


def _back(dependency: Dependency, since: datetime, now: datetime) -> Alarm:
    away = (now - since).total_seconds()
    return Alarm(
        f"{dependency.kind}_back",
        f"{dependency.name} is well again, after {away:.0f} s.",
        data={"since": since.isoformat(), "seconds": f"{away:.1f}"},
    )
