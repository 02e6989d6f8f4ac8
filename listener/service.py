"""The market listener: watches the stops of every running strategy and tells its run when one is hit."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from domain.listener_ports import FastStops, Membership, StopSignals, WatchedStrategy, WatchList
from domain.ports import Alerts, Clock, Instruments
from listener.accounts import Accounts
from listener.cache_writer import CacheWriter, PriceCache
from listener.dispatcher import Dispatcher
from listener.metrics import MarketNumbers
from listener.price_monitor import PriceMonitor
from listener.restarting import steadily
from listener.shards import Shards, sockets
from listener.sold_positions import SoldPositions
from listener.watch_list_reader import Watcher

_READY_LOOK = 0.05
_AT_A_TIME = 200


class Listener:
    """One desk per account; the watch list says what runs, the desks which stops are hit.

    Nothing is remembered over a restart and nothing needs to be: the watch list is read in full, prices of
    what is held are asked for, and every stop is judged again.
    """

    def __init__(
        self,
        watch_list: WatchList,
        accounts: Accounts,
        instruments: Instruments,
        signals: StopSignals,
        fast: FastStops,
        membership: Membership,
        me: str,
        cache: PriceCache,
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._instruments = instruments
        self._alerts = alerts
        self._clock = clock
        self._dispatcher = Dispatcher(signals, fast, clock, self._run_is_gone)
        self._sold = SoldPositions(signals, self._dispatcher.owes, clock)
        self._watcher = Watcher(watch_list, self._changed, clock)
        self._writer = CacheWriter(cache, self._changed_prices, alerts, clock)
        # One account's connections are all there is: further listeners stand by.
        self._shards = Shards(membership, me, self._covered, self._share_anew, clock, accounts.connections)
        self._known: dict[UUID, WatchedStrategy] = {}
        self._followed: dict[UUID, WatchedStrategy] = {}
        self._desks: dict[str, PriceMonitor] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._shards.beat()  # a newcomer need not watch everything first
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(steadily("shards", self._shards.run, self._clock))
                group.create_task(steadily("watcher", self._watcher.run, self._clock))
                group.create_task(steadily("dispatcher", self._dispatcher.run, self._clock))
                group.create_task(steadily("sold positions", self._sold.run, self._clock))
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

    @property
    def numbers(self) -> MarketNumbers:
        """Return how things stand now, for whoever scrapes."""
        desks = self._desks.values()
        guarding = [desk for desk in desks if desk.stops]
        ages = [desk.feed_age for desk in guarding]
        return MarketNumbers(
            strategies=len(self._followed),
            stops=sum(desk.stops for desk in desks),
            unsignalled=self._dispatcher.waiting,
            feeds=sum(desk.feed_age is not None for desk in desks),
            stale=sum(desk.feed_down is not None for desk in guarding),
            feed_age=max((age for age in ages if age is not None), default=None),
        )

    async def hand_over(self) -> None:
        """Have other listeners take over, if there are any; meanwhile go on watching."""
        await self._shards.hand_over()

    def _changed(self, before: WatchedStrategy | None, now: WatchedStrategy | None) -> None:
        if now is not None:
            self._known[now.strategy_id] = now
        elif before is not None:
            del self._known[before.strategy_id]
        strategy = now or before
        if strategy is not None:
            self._settle(strategy.strategy_id)

    def _settle(self, strategy_id: UUID) -> None:
        """Follow a strategy exactly while it runs and its instrument is one that we watch."""
        now, before = self._known.get(strategy_id), self._followed.get(strategy_id)
        if now is not None and not self._shards.watches(self._accounts.shard(now)):
            # Whoever has it now may never see the price that hit its stop.
            now = now if self._dispatcher.owes(strategy_id) else None
        if now is None:
            self._sold.forget(strategy_id)
        else:
            self._sold.note(now)
        if before is not None and (now is None or now.instrument != before.instrument):
            del self._followed[strategy_id]
            self._leave(before)
        if now is not None and now != before:
            self._followed[strategy_id] = now
            self._desk(now).follow(now)

    async def _share_anew(self) -> None:
        """Follow what is ours to watch now, and leave what is not any more."""
        for desk in self._desks.values():
            self._share(desk)
        strategies = list(self._known)
        for start in range(0, len(strategies), _AT_A_TIME):
            for strategy_id in strategies[start : start + _AT_A_TIME]:
                self._settle(strategy_id)
            await asyncio.sleep(0)  # ticks do not wait for ten thousand strategies

    def _share(self, desk: PriceMonitor) -> None:
        total = self._accounts.connections
        if total is None:
            return
        members, place = len(self._shards.living), self._shards.place
        # Who does not know the others leaves them their connections.
        desk.share(1 if place is None else sockets(total, members, place), members)

    def _covered(self) -> bool:
        return self._watcher.read_once.is_set() and all(desk.covered for desk in self._desks.values())

    def _desk(self, watched: WatchedStrategy) -> PriceMonitor:
        account = self._accounts.serving(watched.user_id)
        desk = self._desks.get(account.key)
        if desk is None:
            desk = PriceMonitor(account, self._instruments, self._dispatcher, self._alerts, self._clock)
            self._desks[account.key] = desk
            self._share(desk)
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
            prices.update(desk.changed_prices(self._owns))
        return prices

    def _owns(self, watched: WatchedStrategy) -> bool:
        return self._shards.owns(self._accounts.shard(watched))
