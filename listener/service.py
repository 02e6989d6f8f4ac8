"""The market listener: watches the stops of every running strategy and tells its run when one is hit."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from domain.ports import Alerts, Clock, FastStops, Instruments, StopSignals, WatchedStrategy, WatchList
from listener.accounts import Accounts, OpenFeed
from listener.cache_writer import CacheWriter, PriceCache
from listener.desk import Desk
from listener.dispatcher import Dispatcher
from listener.steady import steadily
from listener.watcher import Watcher

_READY_LOOK = 0.05


class Listener:
    """One desk per account; the watch list says what runs, the desks which stops are hit.

    Nothing is remembered over a restart and nothing needs to be: the watch list is read in full, prices of
    what is held are asked for, and every stop is judged again.
    """

    def __init__(
        self,
        watch_list: WatchList,
        accounts: Accounts,
        open_feed: OpenFeed,
        instruments: Instruments,
        signals: StopSignals,
        fast: FastStops,
        cache: PriceCache,
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._open_feed = open_feed
        self._instruments = instruments
        self._alerts = alerts
        self._clock = clock
        self._dispatcher = Dispatcher(signals, fast, clock, self._run_is_gone)
        self._watcher = Watcher(watch_list, self._changed, clock)
        self._writer = CacheWriter(cache, self._changed_prices, alerts, clock)
        self._desks: dict[str, Desk] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(steadily("watcher", self._watcher.run, self._clock))
                group.create_task(steadily("dispatcher", self._dispatcher.run, self._clock))
                group.create_task(steadily("last prices", self._writer.run, self._clock))
        finally:
            for desk in self._running.values():
                desk.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def until_ready(self) -> None:
        """Return when what runs was read once and each feed has tried to connect."""
        await self._watcher.read_once.wait()
        while not all(desk.attempted for desk in self._desks.values()):
            await self._clock.sleep(_READY_LOOK)

    def _changed(self, before: WatchedStrategy | None, now: WatchedStrategy | None) -> None:
        if before is not None and (now is None or now.instrument != before.instrument):
            self._leave(before)
        if now is not None:
            self._desk(now).follow(now)

    def _desk(self, watched: WatchedStrategy) -> Desk:
        account = self._accounts.serving(watched.user_id)
        desk = self._desks.get(account.key)
        if desk is None:
            desk = Desk(
                account, self._open_feed, self._instruments, self._dispatcher, self._alerts, self._clock
            )
            self._desks[account.key] = desk
            self._running[account.key] = asyncio.create_task(desk.run(), name=f"desk {account.key}")
        return desk

    def _leave(self, watched: WatchedStrategy) -> None:
        key = self._accounts.serving(watched.user_id).key
        desk = self._desks[key]
        desk.leave(watched)
        if desk.idle:  # a user's own connection is not kept open for nothing
            del self._desks[key]
            self._running.pop(key).cancel()

    def _run_is_gone(self, watched: WatchedStrategy) -> None:
        desk = self._desks.get(self._accounts.serving(watched.user_id).key)
        if desk is not None:
            desk.lost_run(watched)

    def _changed_prices(self) -> Mapping[UUID, Decimal]:
        prices: dict[UUID, Decimal] = {}
        for desk in self._desks.values():
            prices.update(desk.changed_prices())
        return prices
