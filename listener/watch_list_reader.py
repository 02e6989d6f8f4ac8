"""Learns which strategies run: at once from notifications, and by checks that do without them."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from uuid import UUID

import structlog

from domain.ports import Clock, Digest, WatchList
from domain.watched_strategy import WatchedStrategy

CHECK = 3.5
"""Seconds between checks that what is known is what there is: a lost notification is found within five."""
ON_THE_WAY = 0.5
"""Seconds that a notification may need before a difference counts as one that was lost."""
RECONNECT = 1.0
TOGETHER = 500
"""Changes that are read in one query."""

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
        self._marks = 0
        self._all_wanted = True
        self._check_wanted = False
        self._doubted = False
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
            except Exception as error:  # however it ended, it begins again
                log.warning("changes are not heard; reading in full instead", error=type(error).__name__)
            self._note(None)
            await self._clock.sleep(RECONNECT)

    def _note(self, strategy_id: UUID | None) -> None:
        if strategy_id is None:
            self._all_wanted = True
        else:
            self._pending.add(strategy_id)
        self._wake.set()

    def read_again(self, strategy_id: UUID) -> None:
        """Read a strategy again, though it has not changed: its peak may have risen."""
        self._note(strategy_id)

    async def _read_now_and_then(self) -> None:
        self._note(None)
        while True:
            await self._clock.sleep(CHECK)
            self._want_check()
            await self._clock.sleep(ON_THE_WAY)
            if self._doubted:
                self._want_check()

    def _want_check(self) -> None:
        self._check_wanted = True
        self._wake.set()

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
        if self._all_wanted:
            await self._read_all()
        await self._read_pending()
        if self._check_wanted:
            self._check_wanted = False
            await self._check()

    async def _read_all(self) -> None:
        self._all_wanted = False
        self._pending.clear()
        self._replace(await self._watch_list.all())
        self.read_once.set()

    async def _read_pending(self) -> None:
        while self._pending:
            ids = list(islice(self._pending, TOGETHER))
            self._pending.difference_update(ids)
            found = {watched.strategy_id: watched for watched in await self._watch_list.some(ids)}
            for strategy_id in ids:
                self._set(strategy_id, found.get(strategy_id))

    async def _check(self) -> None:
        """Compare what is known with what there is: two numbers, however many strategies run."""
        same = await self._watch_list.digest() == self._digest()
        if not same and self._doubted:
            log.warning("a change was not heard of; reading in full")
            await self._read_all()
            same = True
        self._doubted = not same

    def _digest(self) -> Digest:
        return Digest(len(self._known), self._marks)

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
        self._marks += (now.mark if now else 0) - (before.mark if before else 0)
        if now is not None:
            self._known[strategy_id] = now
        elif before is not None:
            del self._known[strategy_id]
        if before == now and (before is None or now is None or before.peak == now.peak):
            return
        try:
            self._changed(before, now)
        except Exception:
            log.exception("a change of a strategy was not understood; the others are watched on")
