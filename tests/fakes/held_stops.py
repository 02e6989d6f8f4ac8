"""Held stops in memory, and when each was last named."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.errors import StoreUnavailable
from domain.held_stop import HeldPrice, HeldStop
from domain.ports import Clock


class MemoryHeldStops:
    """Implements `domain.ports.HeldStops`. `away` does not answer."""

    def __init__(self, clock: Clock, *held: HeldStop) -> None:
        self._clock = clock
        self.held = {stop.strategy_id: stop for stop in held}
        self.away = False
        self.named: list[frozenset[UUID]] = []
        self.peaks: dict[UUID, Decimal] = {}
        self.wanted: set[UUID] = set()
        """Of accounts that have a limit on the day."""
        self.prices: dict[UUID, tuple[Decimal, datetime]] = {}

    async def name(self, strategy_ids: Collection[UUID]) -> None:
        self._answer()
        self.named.append(frozenset(strategy_ids))
        for strategy_id in self.held.keys() & set(strategy_ids):
            self.held[strategy_id] = replace(self.held[strategy_id], watched_at=self._clock.now())

    async def raise_peaks(self, peaks: Mapping[UUID, Decimal]) -> None:
        self._answer()
        for strategy_id, peak in peaks.items():
            self.peaks[strategy_id] = max(peak, self.peaks.get(strategy_id, peak))

    async def prices_wanted(self) -> frozenset[UUID]:
        self._answer()
        return frozenset(self.wanted)

    async def say_prices(self, prices: Mapping[UUID, HeldPrice]) -> None:
        self._answer()
        for strategy_id in prices.keys() & self.wanted:
            said = prices[strategy_id]
            known, seen_at = self.prices.get(strategy_id), self._clock.now() - said.age
            if known is None or known[1] <= seen_at:
                self.prices[strategy_id] = said.price, seen_at

    async def unwatched(self, longer_than: timedelta) -> Sequence[HeldStop]:
        self._answer()
        late = [stop for stop in self.held.values() if self._clock.now() - stop.watched_at > longer_than]
        return sorted(late, key=lambda stop: stop.watched_at)

    async def longest(self) -> timedelta | None:
        self._answer()
        return max((self._clock.now() - stop.watched_at for stop in self.held.values()), default=None)

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("Postgres did not answer")
