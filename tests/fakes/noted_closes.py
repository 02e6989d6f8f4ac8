"""The closes noted for series, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID

from domain.adjusted_price import NotedClose, PricedSeries, has_absolute_prices
from domain.ports import Clock
from domain.strategy import Strategy
from execution.closing_prices import ClosingPrices
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.trading_days import MemoryTradingDays


@dataclass
class Closes:
    """A series' row, as far as closes need it."""

    series: PricedSeries
    compared_on: date | None = None
    asked_on: date | None = None
    taken: bool = False
    ended: bool = False


@dataclass
class MemoryNotedCloses:
    """Implements `domain.ports.NotedCloses`. What was taken is taken again after `a_minute_later`."""

    rows: dict[UUID, Closes] = field(default_factory=dict)

    def opened(self, series_id: UUID, strategy: Strategy, account: str = "") -> Closes:
        """Have a series be open."""
        row = self.rows[series_id] = Closes(PricedSeries(series_id, strategy, account))
        return row

    def confirmed(self, series_id: UUID) -> None:
        """Have the user edit or confirm the prices."""
        row = self.rows[series_id]
        row.asked_on, row.series = None, replace(row.series, noted=None)

    def a_minute_later(self) -> None:
        for row in self.rows.values():
            row.taken = False

    async def take_to_note(self, day: date, most: int) -> Sequence[PricedSeries]:
        return self._take([row for row in self._open() if _noted_on(row) != day], most)

    async def take_to_compare(self, day: date, before: date, most: int) -> Sequence[PricedSeries]:
        return self._take([row for row in self._open() if _is_uncompared(row, day, before)], most)

    async def to_compare(self, series_id: UUID, day: date, before: date) -> PricedSeries | None:
        row = self.rows.get(series_id)
        due = row is not None and row in self._open() and _is_uncompared(row, day, before)
        return row.series if row is not None and due else None

    async def note(self, series: PricedSeries, close: NotedClose) -> None:
        row = self._as_taken(series)
        if row is not None:
            row.series = replace(row.series, noted=close)

    async def compared(self, series: PricedSeries, day: date, *, adjusted: bool) -> bool:
        row = self._as_taken(series)
        if row is None or row.compared_on == day:
            return False
        row.compared_on, row.asked_on = day, day if adjusted else None
        return True

    def _open(self) -> list[Closes]:
        rows = self.rows.values()
        return [
            row
            for row in rows
            if not row.ended and row.asked_on is None and has_absolute_prices(row.series.strategy)
        ]

    def _take(self, due: Sequence[Closes], most: int) -> Sequence[PricedSeries]:
        taken = [row for row in due if not row.taken][:most]
        for row in taken:
            row.taken = True
        return [row.series for row in taken]

    def _as_taken(self, series: PricedSeries) -> Closes | None:
        row = self.rows[series.series_id]
        return row if row in self._open() and row.series.noted == series.noted else None


def _noted_on(row: Closes) -> date | None:
    return row.series.noted.day if row.series.noted is not None else None


def _is_uncompared(row: Closes, day: date, before: date) -> bool:
    return _noted_on(row) == before and row.compared_on != day


def comparing_nothing(clock: Clock) -> ClosingPrices:
    """Return the closing prices of series of which none was noted."""
    brokers = MemoryBrokers(MemoryBroker(clock))
    return ClosingPrices(MemoryNotedCloses(), brokers, MemoryTradingDays(), MemoryAlerts(), clock)
