"""The house of a series in memory: its row, what its orders may still buy, and what the reconciler reads."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.errors import AnotherRun, ForeignStart, StoreUnavailable
from domain.leg import filled
from domain.limits import Bar, why_barred
from domain.order import Attempt, Leg, Limit, OrderStatus, Reason
from domain.ports import Bound, Claimed, NotClaimed, SeriesState
from domain.reconciler import Owned, RunningRow, Slice
from domain.run import ActivateRun, Activation, StartRun
from domain.series import EndDay, PlanAnew, SeriesEnd
from domain.stop_prices import StopPrices
from domain.strategy import Position
from tests.fakes.reconciliation import MemoryReconciliation, Row
from tests.fakes.series import MemorySeries, SeriesOf
from tests.simulation.house import Orders, Runs, Stage

_LOST = "the connection was lost at the commit"
_IN_DOUBT = (OrderStatus.SENT, OrderStatus.ABSENT, OrderStatus.OPEN)


class SeriesOrders(Orders):
    """Claims a purchase only for the START that the strategy's row names, while its series is open."""

    row: SeriesOf

    async def claim(
        self,
        attempt: Attempt,
        quantity: int,
        reason: Reason,
        due_at: datetime,
        latest: datetime | None,
        price: Decimal | None = None,
        limit: Limit | None = None,
        stop: StopPrices | None = None,
    ) -> Claimed | NotClaimed:
        of_today = attempt.key.trading_day == self.row.start.plan.trading_day
        if attempt.key.leg is Leg.ENTRY and (self.row.ended_by is not None or not of_today):
            await self.stage.storing("log.claim.entry")
            barred = why_barred(Bar.SERIES_OVER, None)
            return NotClaimed(self.table.row(attempt), self.clock.now(), barred=barred)
        return await super().claim(attempt, quantity, reason, due_at, latest, price, limit, stop)

    def of_day(self, day: date) -> list[Attempt]:
        return [row for row in self.rows.values() if row.key.trading_day == day]


class SeriesRuns(Runs):
    """Refuses what is over, and a run that is older than the one that goes on, as the store does."""

    row: SeriesOf
    orders: SeriesOrders
    within = False
    """A transaction of the series writes the end of the run: it is lost or kept as one."""

    def _activated(self, request: ActivateRun) -> Activation:
        ref = request.ref
        if ref.start_id != self.row.start.start_id or not self.row.running:
            raise ForeignStart(f"START {ref.start_id} has ended")
        current = self.running.get(ref.strategy_id)
        if current is not None and current.began and ref.began and ref.began < current.began:
            raise AnotherRun("a newer run goes on")
        activation = super()._activated(request)
        self.row.run_id = ref.run_id
        return replace(activation, series_over=self.row.ended_by is not None)

    @asynccontextmanager
    async def _transaction(self, call: str) -> AsyncIterator[None]:
        if not self.within:
            async with super()._transaction(call):
                yield
            return
        before = len(self.finished)
        yield
        if len(self.finished) > before:
            self.stage.stopped()
            self.orders.table.close(self.finished[-1].detail)


class SeriesRows(MemorySeries):
    """The store of the series, with a point at each of its calls; a call is one transaction."""

    def __init__(self, stage: Stage, orders: SeriesOrders, runs: SeriesRuns) -> None:
        super().__init__(runs=runs)
        self._stage = stage
        self._orders = orders
        self._runs = runs
        self._start_id: UUID | None = None
        self._written_at = stage.store_now()

    def started(self, start: StartRun) -> SeriesOf:
        row = super().started(start)
        self._orders.row = self._runs.row = row
        self._written()
        return row

    def _written(self) -> None:
        """Note when the START that the row names was written down."""
        if self.row.start.start_id != self._start_id:
            self._start_id, self._written_at = self.row.start.start_id, self._stage.store_now()

    @property
    def row(self) -> SeriesOf:
        return next(iter(self.rows.values()))

    async def state(self, start: StartRun) -> SeriesState | None:
        async with self._point("state", writes=False):
            return await super().state(start)

    async def end_day(self, request: EndDay, following: StartRun | None) -> StartRun | None:
        async with self._point("end_day"):
            orders = self._orders.of_day(self.row.start.plan.trading_day)
            bought, sold = (
                filled([row for row in orders if row.key.leg is leg]) for leg in (Leg.ENTRY, Leg.EXIT)
            )
            self.row.held = bought - sold - request.finish.outside
            self.row.in_doubt = any(row.status in _IN_DOUBT for row in orders)
            pending = await super().end_day(request, following)
            self._orders.table.closed = not self.row.running
            self._written()
            return pending

    async def plan_anew(self, request: PlanAnew, following: StartRun) -> StartRun | None:
        async with self._point("plan_anew"):
            pending = await super().plan_anew(request, following)
            self._written()
            return pending

    async def bind(self, request: PlanAnew) -> Bound:
        async with self._point("bind"):
            return await super().bind(request)

    async def all_pending(self, since: timedelta) -> Sequence[StartRun]:
        async with self._point("all_pending", writes=False):
            row = self.row
            waits = await self.pending(row.start.strategy.strategy_id) is not None
            old = self._stage.store_now() - self._written_at > since
            return [row.start] if waits and old else []

    async def end(self, why: SeriesEnd) -> None:
        """End the series as its user or the kill switch does: an end is never taken back."""
        self.row.ended_by = self.row.ended_by or why

    @asynccontextmanager
    async def _point(self, call: str, *, writes: bool = True) -> AsyncIterator[None]:
        lost = await self._stage.storing(f"series.{call}")
        self._runs.within = True
        try:
            yield
        finally:
            self._runs.within = False
        if lost and writes:
            raise StoreUnavailable(_LOST)


@dataclass
class SeriesReconciliation(MemoryReconciliation):
    """What the reconciler reads: the strategy's row as the series, its run and its orders leave it."""

    series: SeriesRows | None = None
    orders: SeriesOrders | None = None

    async def owned(self, part: Slice, started_before: datetime) -> Sequence[Owned]:
        self._look()
        return await super().owned(part, started_before)

    async def running(self, strategy_ids: Collection[UUID]) -> Sequence[RunningRow]:
        self._look()
        return await super().running(strategy_ids)

    def _look(self) -> None:
        assert self.series is not None
        row = self.series.row
        strategy_id, run_id = row.start.strategy.strategy_id, row.run_id
        if not row.running or run_id is None:
            self.rows.clear()
            return
        before = self.rows.get(strategy_id)
        if before is None or before.run_id != run_id:
            now = self.clock.now()
            before = self.rows[strategy_id] = Row(row.start, run_id, now, now)
        before.position = self._position(row)

    def _position(self, row: SeriesOf) -> Position:
        assert self.orders is not None
        orders = self.orders.of_day(row.start.plan.trading_day)
        bought, sold = (
            filled([one for one in orders if one.key.leg is leg]) for leg in (Leg.ENTRY, Leg.EXIT)
        )
        if not bought:
            return Position.NONE
        return Position.BOUGHT if bought > sold else Position.SOLD
