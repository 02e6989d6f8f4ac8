"""Which strategies run: learnt at once from notifications, and read in full often enough to do without."""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from domain.ports import Clock, WatchedStrategy, WatchList

FULL_READ = 5.0
"""Seconds between full reads: the longest that a lost notification is believed."""
RECONNECT = 1.0
MANY = 16
"""More changes than this at once are one full read instead of one read each."""

Changed = Callable[[WatchedStrategy | None, WatchedStrategy | None], None]
"""Told what was known of a strategy before and what is known now; None for not running."""

log = structlog.stdlib.get_logger("watch")


class Watcher:
    """Follows the watch list. What was read last stands while the store is away: stops are watched on."""

    def __init__(self, watch_list: WatchList, changed: Changed, clock: Clock) -> None:
        self._watch_list = watch_list
        self._changed = changed
        self._clock = clock
        self._known: dict[UUID, WatchedStrategy] = {}
        self._pending: set[UUID] = set()
        self._all_wanted = False
        self._wake = asyncio.Event()
        self.away = False
        self.read_once = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._read_now_and_then())
            group.create_task(self._read())

    async def _listen(self) -> None:
        while True:
            try:
                async for strategy_id in self._watch_list.changes():
                    self._note(strategy_id)
            except Exception as error:  # whatever ended it, it is begun again
                log.warning("changes are not heard; reading in full instead", error=type(error).__name__)
            self._note(None)
            await self._clock.sleep(RECONNECT)

    def _note(self, strategy_id: UUID | None) -> None:
        if strategy_id is None:
            self._all_wanted = True
        else:
            self._pending.add(strategy_id)
        self._wake.set()

    async def _read_now_and_then(self) -> None:
        while True:
            self._note(None)
            await self._clock.sleep(FULL_READ)

    async def _read(self) -> None:
        while True:
            await self._wake.wait()
            try:
                await self._read_what_changed()
            except Exception as error:
                self._failed(error)
                await self._clock.sleep(RECONNECT)
            else:
                self.away = False

    async def _read_what_changed(self) -> None:
        # One reader, so that an older answer never overwrites a newer one.
        self._wake.clear()
        pending, self._pending = self._pending, set()
        if self._all_wanted or len(pending) > MANY:
            self._all_wanted = False
            self._replace(await self._watch_list.all())
            self.read_once.set()
        else:
            for strategy_id in pending:
                self._set(strategy_id, await self._watch_list.one(strategy_id))

    def _failed(self, error: Exception) -> None:
        self._note(None)
        if not self.away:
            log.error("running strategies cannot be read; watching those known", error=type(error).__name__)
        self.away = True

    def _replace(self, running: Sequence[WatchedStrategy]) -> None:
        found = {watched.strategy_id: watched for watched in running}
        for strategy_id in self._known.keys() - found.keys():
            self._set(strategy_id, None)
        for strategy_id, watched in found.items():
            self._set(strategy_id, watched)

    def _set(self, strategy_id: UUID, now: WatchedStrategy | None) -> None:
        before = self._known.get(strategy_id)
        if before == now:
            return
        if now is None:
            del self._known[strategy_id]
        else:
            self._known[strategy_id] = now
        try:
            self._changed(before, now)
        except Exception:
            log.exception("a change of a strategy was not understood; the others are watched on")
