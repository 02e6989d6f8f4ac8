"""Watches the stops of every running strategy and tells its run when one is hit."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from uuid import UUID

from domain.held_stop import HeldPrice
from domain.minute_price import MinutePrice
from domain.ports import (
    AccountMoves,
    Alerts,
    Clock,
    FastStops,
    HeldStops,
    Instruments,
    Membership,
    StopSignals,
    WatchList,
)
from domain.watched_strategy import AT_A_TIME, WatchedStrategy
from execution.task_end import ended
from listener.accounts import Accounts
from listener.cache_writer import CacheWriter, PriceCache
from listener.dispatcher import Dispatcher
from listener.held_price_writer import HeldPriceWriter
from listener.metrics import MarketNumbers
from listener.minute_writer import MinutePrices, MinuteWriter
from listener.moved_orders import MovedOrders
from listener.peak_writer import PeakWriter
from listener.price_monitor import PriceMonitor
from listener.restarting import steadily
from listener.shards import Shards, sockets
from listener.sold_positions import SoldPositions
from listener.stop_writer import StopWriter
from listener.watch_list_reader import Watcher
from listener.watch_report import WatchReport

_READY_LOOK = 0.05


class Listener:
    """Runs one price monitor per account: the watch list says what runs, the monitors which stops are hit.

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
        minutes: MinutePrices,
        alerts: Alerts,
        clock: Clock,
        moves: AccountMoves,
        held_stops: HeldStops,
    ) -> None:
        self._accounts = accounts
        self._foreign = MovedOrders(moves.moved, clock)
        self._own = MovedOrders(moves.own_moved, clock)
        self._instruments = instruments
        self._alerts = alerts
        self._clock = clock
        self._dispatcher = Dispatcher(signals, fast, clock, self._run_is_gone)
        self._sold = SoldPositions(signals, self._dispatcher.owes, clock)
        self._watcher = Watcher(watch_list, self._changed, clock)
        self._report = WatchReport(held_stops, self._watching, clock)
        self._peaks = PeakWriter(held_stops, self._risen, clock)
        self._held_prices = HeldPriceWriter(held_stops, self._acting, self._holds, clock)
        self._writer = CacheWriter(cache, self._changed_prices, alerts, clock)
        self._stops = StopWriter(cache, self._moved_stops, clock)
        self._minutes = MinuteWriter(minutes, self._minute, clock)
        # One account's connections are all there is: further listeners stand by.
        self._shards = Shards(membership, me, self._covered, self._share_anew, clock, accounts.connections)
        self._known: dict[UUID, WatchedStrategy] = {}
        self._followed: dict[UUID, WatchedStrategy] = {}
        self._monitors: dict[str, PriceMonitor] = {}
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._shards.beat()  # a listener that joins need not watch everything first
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(steadily("shards", self._shards.run, self._clock))
                group.create_task(steadily("watcher", self._watcher.run, self._clock))
                group.create_task(steadily("dispatcher", self._dispatcher.run, self._clock))
                group.create_task(steadily("sold positions", self._sold.run, self._clock))
                group.create_task(steadily("foreign orders", self._foreign.run, self._clock))
                group.create_task(steadily("own orders", self._own.run, self._clock))
                group.create_task(steadily("watch report", self._report.run, self._clock))
                group.create_task(steadily("peaks", self._peaks.run, self._clock))
                group.create_task(steadily("held prices", self._held_prices.run, self._clock))
                group.create_task(steadily("last prices", self._writer.run, self._clock))
                group.create_task(steadily("stops shown", self._stops.run, self._clock))
                group.create_task(steadily("minutes", self._minutes.run, self._clock))
        finally:
            await ended(self._running.values())

    async def until_ready(self) -> None:
        """Return when what runs was read once and each feed has tried to connect."""
        await self._watcher.read_once.wait()
        while not all(monitor.attempted for monitor in self._monitors.values()):
            await self._clock.sleep(_READY_LOOK)

    @property
    def numbers(self) -> MarketNumbers:
        """Return how things stand now, for the metrics and the health check."""
        monitors = self._monitors.values()
        guarding = [monitor for monitor in monitors if monitor.triggers]
        ages = [monitor.feed_age for monitor in guarding]
        return MarketNumbers(
            strategies=len(self._followed),
            stops=sum(len(monitor.triggers) for monitor in monitors),
            unsignalled=self._dispatcher.waiting,
            feeds=sum(monitor.feed_age is not None for monitor in monitors),
            stale=sum(monitor.feed_down is not None for monitor in guarding),
            feed_age=max((age for age in ages if age is not None), default=None),
        )

    async def hand_over(self) -> None:
        """Have other listeners take over, if there are any, and go on watching until they have."""
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
        """Follow a strategy exactly while it runs and its shard is this listener's."""
        now, before = self._known.get(strategy_id), self._followed.get(strategy_id)
        if now is not None and not self._shards.watches(self._accounts.shard(now)):
            # The listener that has it now may never see the price that hit its stop.
            now = now if self._dispatcher.owes(strategy_id) else None
        if now is None:
            self._sold.forget(strategy_id)
        else:
            self._sold.note(now)
        if before is not None and (now is None or now.instrument != before.instrument):
            del self._followed[strategy_id]
            self._leave(before)
        if now is not None and (before is None or now != before or now.peak != before.peak):
            self._followed[strategy_id] = now
            self._monitor(now).follow(now)
            if before is None and now.terms.moves:
                self._watcher.read_again(strategy_id)  # its peak may have risen since it was read

    async def _share_anew(self) -> None:
        """Follow what is this listener's to watch now, and leave what is not any more."""
        for monitor in self._monitors.values():
            self._share(monitor)
        strategies = list(self._known)
        for start in range(0, len(strategies), AT_A_TIME):
            for strategy_id in strategies[start : start + AT_A_TIME]:
                self._settle(strategy_id)
            await asyncio.sleep(0)  # ticks do not wait for ten thousand strategies

    def _share(self, monitor: PriceMonitor) -> None:
        total = self._accounts.connections
        if total is None:
            return
        members, place = len(self._shards.living), self._shards.place
        # A listener that does not know the others leaves them their connections.
        monitor.share(1 if place is None else sockets(total, members, place), members)

    def _covered(self) -> bool:
        return self._watcher.read_once.is_set() and all(
            monitor.covered for monitor in self._monitors.values()
        )

    def _monitor(self, watched: WatchedStrategy) -> PriceMonitor:
        account = self._accounts.serving(watched.user_id)
        monitor = self._monitors.get(account.key)
        if monitor is None:
            moved = partial(self._moved, self._accounts.holder(watched.user_id))
            monitor = PriceMonitor(
                account, self._instruments, self._dispatcher, self._alerts, self._clock, moved
            )
            self._monitors[account.key] = monitor
            self._share(monitor)
            self._running[account.key] = asyncio.create_task(
                monitor.run(), name=f"price monitor {account.key}"
            )
        return monitor

    def _moved(self, user_id: UUID | None, *, foreign: bool) -> None:
        (self._foreign if foreign else self._own).note(user_id)

    def _leave(self, watched: WatchedStrategy) -> None:
        key = self._accounts.serving(watched.user_id).key
        monitor = self._monitors[key]
        monitor.leave(watched)
        if monitor.idle:  # a user's own connection is not kept open for nothing
            del self._monitors[key]
            self._running.pop(key).cancel()

    def _run_is_gone(self, watched: WatchedStrategy) -> None:
        monitor = self._monitors.get(self._accounts.serving(watched.user_id).key)
        if monitor is not None:
            monitor.lost_run(watched)

    def _changed_prices(self) -> Mapping[UUID, Decimal]:
        prices: dict[UUID, Decimal] = {}
        for monitor in self._monitors.values():
            prices.update(monitor.changed_prices(self._owns))
        return prices

    def _minute(self, at: datetime) -> Mapping[UUID, MinutePrice]:
        minutes: dict[UUID, MinutePrice] = {}
        for monitor in self._monitors.values():
            minutes.update(monitor.minutes(at, self._owns))
        return minutes

    def _risen(self) -> Mapping[UUID, Decimal]:
        risen: dict[UUID, Decimal] = {}
        for monitor in self._monitors.values():
            risen.update(monitor.triggers.risen())
        return risen

    def _moved_stops(self, again: bool) -> Mapping[UUID, Decimal]:
        stops: dict[UUID, Decimal] = {}
        for monitor in self._monitors.values():
            stops.update(monitor.triggers.moved_stops(again=again))
        return stops

    def _acting(self, strategy_ids: Collection[UUID]) -> Mapping[UUID, HeldPrice]:
        prices: dict[UUID, HeldPrice] = {}
        for monitor in self._monitors.values():
            prices.update(monitor.acting_prices(strategy_ids))
        return prices

    def _holds(self) -> bool:
        return any(monitor.holds for monitor in self._monitors.values())

    def _watching(self) -> list[UUID]:
        return [one for monitor in self._monitors.values() for one in monitor.watching]

    def _owns(self, watched: WatchedStrategy) -> bool:
        return self._shards.owns(self._accounts.shard(watched))
