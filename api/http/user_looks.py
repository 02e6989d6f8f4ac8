"""Looks at the users who have event streams open: at once at news, and one after the other for safety."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import structlog

from api.dependencies import Dependencies

READERS = 4
REST = 3.0
"""A pause after each look of the round, in times of what the look took: announcements are seldom lost."""
AFTER_A_FAULT = 1.0
_log = structlog.get_logger(__name__)
Work = Callable[[], Coroutine[Any, Any, None]]


class UserLooks:
    """The looks of a process, from `begin` to `end`.

    `owner_of` returns whose an announced strategy is, None for that of a user without a stream. `beside` is
    done as long. `every` returns the seconds between two rounds.
    """

    def __init__(
        self,
        deps: Dependencies,
        look: Callable[[UUID], Awaitable[None]],
        users: Callable[[], Iterable[UUID]],
        owner_of: Callable[[UUID], UUID | None],
        every: Callable[[], float],
        beside: Sequence[Work],
    ) -> None:
        self._deps = deps
        self._look = look
        self._users = users
        self._owner_of = owner_of
        self._every = every
        self._beside = beside
        self._told: dict[UUID, None] = {}
        self._news = asyncio.Event()
        self._running: ExitStack | None = None

    def begin(self) -> None:
        """Begin, unless it has."""
        if self._running is None:
            self._running = ExitStack()
            self._running.enter_context(self._deps.event_notifier.subscribed(self.heard))
            for work in (self._round, *self._beside, *[self._follow_news] * READERS):
                self._running.callback(asyncio.create_task(_kept_up(work)).cancel)

    def end(self) -> None:
        """End, until it begins again."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def touch(self, user_id: UUID) -> None:
        """Have a user be looked at now."""
        self._told[user_id] = None
        self._news.set()

    def heard(self, strategy_id: UUID | None) -> None:
        """Have the user of a strategy with new lines be looked at; None: all users."""
        if strategy_id is None:
            self._told.update(dict.fromkeys(self._users()))
        elif (user_id := self._owner_of(strategy_id)) is not None:
            self._told[user_id] = None
        if self._told:
            self._news.set()

    async def _follow_news(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._told:
                user_id = next(iter(self._told))
                del self._told[user_id]
                await self._look(user_id)

    async def _round(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            for user_id in list(self._users()):
                at = loop.time()
                await self._look(user_id)
                await asyncio.sleep(REST * (loop.time() - at))
            await asyncio.sleep(max(0.0, began + self._every() - loop.time()))


async def _kept_up(work: Work) -> None:
    """Do it until cancelled, again after whatever goes wrong in it."""
    while True:
        try:
            await work()
        except Exception as error:
            _log.error("reading for event streams failed; it is tried again", exc_info=error)
        await asyncio.sleep(AFTER_A_FAULT)
