"""Reads the timelines that event streams follow: once for all streams of a process, one user after the other.

| when | what is read |
|---|---|
| a stream begins | its timeline from its Last-Event-ID on, a page at a time; `OPENING` streams at once |
| Postgres announces a line | the timelines of that line's user, once for all of their streams |
| every `look_every_seconds` | each user's timelines in turn, with pauses: announcements may be lost |
| a stream is slow | nothing for it: what is no longer in memory when its client takes more it reads itself |

A read is one user's, because the API's role sees one user's rows at a time. A timeline keeps its newest
`KEPT` lines, which all of its streams share; a stream keeps its place and nothing else. So no stream holds
up another, and memory grows with timelines, not with what slow clients have not taken.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

from adapters.postgres.read_models import EventRecord, TimelineReader
from api.auth.stream_end import has_ended
from api.dependencies import Dependencies
from api.http.user_looks import UserLooks
from domain.errors import StoreUnavailable
from services.auth.tokens import Caller

BATCH = 100
"""Lines that a stream reads and sends before it reads again."""
KEPT = 200
OPENING = 4


@dataclass(eq=False, slots=True)
class Timeline:
    """One strategy's timeline while streams follow it; every line after `floor` is in `lines`."""

    user_id: UUID
    strategy_id: UUID
    newest: int | None = None
    """The id of its newest line, None before the first look."""
    known: int = 0
    """The largest id that was ever read of it."""
    begun_anew: int = 0
    """How often the database was set back below what had been read."""
    floor: int = 0
    lines: deque[EventRecord] = field(default_factory=deque)
    followers: "set[Follower]" = field(default_factory=set)

    def seen(self, newest: int) -> None:
        """Note the newest id, at first and after the database was set back: no earlier line is kept."""
        self.lines.clear()
        self.newest = self.floor = self.known = newest

    def add(self, lines: Sequence[EventRecord]) -> None:
        """Keep lines that come after the newest one."""
        self.lines.extend(lines)
        self.newest = lines[-1].event_id
        self.known = max(self.known, self.newest)
        while len(self.lines) > KEPT:
            self.floor = self.lines.popleft().event_id

    def after(self, event_id: int) -> Sequence[EventRecord] | None:
        """Return the lines after an id; None where they are not in memory."""
        if self.newest is None or event_id >= self.newest:
            return ()
        if event_id < self.floor:
            return None
        return [line for line in self.lines if line.event_id > event_id]


@dataclass(eq=False, slots=True)
class Follower:
    """One stream's place in its timeline."""

    caller: Caller
    timeline: Timeline
    after: int
    wake: Callable[[], None]
    """Called when something new is there."""
    caught_up: bool = False
    """Whether it has read everything that was there when it began."""
    begun_anew: int = 0


class LiveTimelines:
    """The timelines that are followed in this process; it reads while there is one."""

    def __init__(self, deps: Dependencies) -> None:
        self._deps = deps
        self._by_strategy: dict[UUID, Timeline] = {}
        self._by_user: dict[UUID, dict[UUID, Timeline]] = {}
        self._locks: dict[UUID, asyncio.Lock] = {}
        self._looks = UserLooks(
            deps,
            self._look,
            lambda: self._by_user,
            self._owner_of,
            lambda: deps.look_every_seconds,
            (self._watch_logins,),
        )
        self.turns = asyncio.Semaphore(OPENING)
        """For what a stream reads itself: other calls find free connections to Postgres at any time."""

    @property
    def streams(self) -> int:
        """How many streams follow a timeline now."""
        return sum(len(timeline.followers) for timeline in self._by_strategy.values())

    @contextmanager
    def follow(
        self, caller: Caller, strategy_id: UUID, after: int, wake: Callable[[], None]
    ) -> Iterator[Follower]:
        """Give a place in a timeline of the caller's; its lines are read while the context lasts.

        `wake` is called when there may be new ones.
        """
        timeline = self._by_strategy.get(strategy_id) or Timeline(caller.user_id, strategy_id)
        follower = Follower(caller, timeline, after, wake, begun_anew=timeline.begun_anew)
        self._by_strategy[strategy_id] = timeline
        self._by_user.setdefault(caller.user_id, {})[strategy_id] = timeline
        timeline.followers.add(follower)
        self._looks.begin()
        try:
            yield follower
        finally:
            timeline.followers.discard(follower)
            if not timeline.followers:
                self._leave(timeline)

    async def ended(self, caller: Caller) -> bool:
        """Tell whether the caller's token has expired or their login has ended."""
        return await has_ended(self._deps, caller)

    async def next_lines(self, follower: Follower) -> tuple[Sequence[EventRecord], bool]:
        """Return what comes after the follower's place, and whether its timeline begins anew.

        It begins anew where the database was set back below the place: asked for each time, since that may
        happen while a stream is open. While Postgres is away there are no lines.
        """
        timeline = follower.timeline
        if follower.begun_anew != timeline.begun_anew:
            follower.begun_anew, follower.after, follower.caught_up = timeline.begun_anew, 0, False
            return (), True
        held = timeline.after(follower.after) if follower.caught_up else None
        if held is not None:
            return held[:BATCH], False
        try:
            async with self.turns, self._deps.store.read(timeline.user_id) as session:
                return await self._read(TimelineReader(session, timeline.user_id), follower)
        except StoreUnavailable:
            follower.caught_up = False
            return (), False

    async def _read(self, reader: TimelineReader, follower: Follower) -> tuple[Sequence[EventRecord], bool]:
        timeline = follower.timeline
        lines = await reader.after(timeline.strategy_id, follower.after, BATCH)
        if lines:
            timeline.known = max(timeline.known, lines[-1].event_id)
        elif follower.after and await reader.last_id(timeline.strategy_id) < follower.after:
            follower.after = 0
            return (), True
        follower.caught_up = len(lines) < BATCH
        return lines, False

    def _leave(self, timeline: Timeline) -> None:
        del self._by_strategy[timeline.strategy_id]
        mine = self._by_user[timeline.user_id]
        del mine[timeline.strategy_id]
        if not mine:
            del self._by_user[timeline.user_id]
            self._locks.pop(timeline.user_id, None)
        if not self._by_user:
            self._looks.end()

    def _owner_of(self, strategy_id: UUID) -> UUID | None:
        timeline = self._by_strategy.get(strategy_id)
        return None if timeline is None else timeline.user_id

    async def _watch_logins(self) -> None:
        """Wake the streams that are to end, and those that could not read."""
        while True:
            for timeline in list(self._by_strategy.values()):
                for follower in list(timeline.followers):
                    if not follower.caught_up or await self.ended(follower.caller):
                        follower.wake()
            await asyncio.sleep(self._deps.look_every_seconds)

    async def _look(self, user_id: UUID) -> None:
        async with self._locks.setdefault(user_id, asyncio.Lock()):
            known = {one.strategy_id: one.known for one in self._by_user.get(user_id, {}).values()}
            if not known:
                return
            with suppress(StoreUnavailable):
                async with self._deps.store.read(user_id) as session:
                    reader = TimelineReader(session, user_id)
                    newest = await reader.last_ids(known)
                    for strategy_id, before in known.items():
                        await self._update(reader, strategy_id, newest.get(strategy_id, 0), before)

    async def _update(self, reader: TimelineReader, strategy_id: UUID, newest: int, before: int) -> None:
        timeline = self._by_strategy.get(strategy_id)
        if timeline is None:
            return
        if newest < before:
            timeline.seen(newest)
            timeline.begun_anew += 1
        elif timeline.newest is None:
            timeline.seen(newest)
        elif newest > timeline.newest:
            lines = await reader.after(strategy_id, timeline.newest, KEPT)
            if len(lines) == KEPT:
                self._looks.heard(strategy_id)  # there may be more
            new = [line for line in lines if line.event_id > timeline.newest]
            if new:
                timeline.add(new)
        else:
            return
        for follower in timeline.followers:
            follower.wake()
