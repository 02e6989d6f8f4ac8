"""STOP: end the run the way the user wants it, and wait a while for the end."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from adapters.postgres.engine import Store
from adapters.postgres.series import UserSeries
from adapters.postgres.strategies import Strategies, StrategyRecord
from adapters.postgres.strategy_view_row import StrategyViewRow
from domain.audit import Action
from domain.errors import NoSuchRun, StoreUnavailable
from domain.ports import Clock
from domain.run import Release, StopRequest
from domain.series import SeriesEnd
from domain.strategy import OnStop, Position, Status
from services.audit_trail import recorded_if_possible
from services.errors import Conflict, TryLater
from services.ports import Runs
from services.strategies.lookup import find_strategy
from services.strategies.start import LOOK_EVERY, StrategyStart

Stopped = TypeVar("Stopped")
LEAST_WAIT = 0.5
"""Seconds in which a run takes a stop, however late it is."""


@dataclass(frozen=True, slots=True)
class StrategyStop:
    """Stops strategies, and sells what a failed exit left."""

    store: Store
    runs: Runs
    starter: StrategyStart
    clock: Clock
    wait_seconds: float

    async def stop(
        self, user_id: UUID, strategy_id: UUID, on_stop: OnStop | None
    ) -> tuple[StrategyViewRow, bool]:
        """Stop a strategy; returns how it stands, and whether the stop is over.

        Idempotent. Where a stopped strategy still holds shares, a named `exit` starts a run that only sells
        them, and a named `keep` makes them the user's own.
        """
        stands = await find_strategy(self.store, user_id, strategy_id)
        record = stands.record
        if record.status is Status.CREATED:
            raise Conflict("not_started", "This strategy was never started: there is nothing to stop.")
        if record.status is Status.RUNNING:
            return await self._stop_run(user_id, record, on_stop)
        if record.position is Position.BOUGHT and on_stop is OnStop.EXIT:
            return await self._sell_left_over(user_id, record)
        if record.left_over and on_stop is OnStop.KEEP:
            return await self.starter.release(user_id, record, Release.KEEP, self.wait_seconds)
        return stands, True

    async def _stop_run(
        self, user_id: UUID, record: StrategyRecord, on_stop: OnStop | None
    ) -> tuple[StrategyViewRow, bool]:
        strategy_id = record.strategy.strategy_id
        if record.strategy.terms.repeat is not None:
            return await self._stop_series(user_id, record, on_stop)
        if record.workflow_id is None or record.run_id is None:
            raise _run_missing()
        asked = self.runs.stop(record.workflow_id, record.run_id, StopRequest(on_stop), self.wait_seconds)
        try:
            await self._with_a_record(user_id, record, on_stop, asked)
        except NoSuchRun:
            # It ended between our look and our call, or was terminated: then the reconciler writes its end.
            stands = await find_strategy(self.store, user_id, strategy_id)
            if stands.record.status is Status.RUNNING:
                raise _run_missing() from None
            return stands, True
        stands = await find_strategy(self.store, user_id, strategy_id)
        return stands, stands.record.status is Status.STOPPED

    async def _stop_series(
        self, user_id: UUID, record: StrategyRecord, on_stop: OnStop | None
    ) -> tuple[StrategyViewRow, bool]:
        """End the series, then the run that is there: first the row, which every next day must read.

        Between two days no run may be there yet, and one that has just ended may have been followed by the
        next: then it is the next one that stops.
        """
        strategy_id = record.strategy.strategy_id
        await self._end_series(user_id, strategy_id)
        deadline = self.clock.monotonic() + self.wait_seconds
        while True:
            left = max(deadline - self.clock.monotonic(), LEAST_WAIT)
            if record.workflow_id is not None and record.run_id is not None:
                request = StopRequest(on_stop)
                asked = self.runs.stop(record.workflow_id, record.run_id, request, left)
                with suppress(NoSuchRun):
                    await self._with_a_record(user_id, record, on_stop, asked)
            stands = await find_strategy(self.store, user_id, strategy_id)
            stopped = stands.record.status is Status.STOPPED
            if stopped or self.clock.monotonic() >= deadline:
                return stands, stopped
            record = stands.record
            await self.clock.sleep(LOOK_EVERY)

    async def _end_series(self, user_id: UUID, strategy_id: UUID) -> None:
        with suppress(StoreUnavailable):  # the run hears all the same, and ends it
            async with self.store.work(user_id) as session:
                await UserSeries(session, user_id).end(strategy_id, SeriesEnd.STOPPED)

    async def _sell_left_over(self, user_id: UUID, record: StrategyRecord) -> tuple[StrategyViewRow, bool]:
        plan = await self.starter.start_sale(user_id, record)
        wait = (plan.sell_at - self.clock.now()).total_seconds() < self.wait_seconds
        return await self.starter.until_stopped(user_id, record, self.wait_seconds if wait else 0)

    async def _with_a_record(
        self, user_id: UUID, record: StrategyRecord, on_stop: OnStop | None, stop: Awaitable[Stopped]
    ) -> Stopped:
        """Stop, and write it down beside that: nothing keeps a STOP waiting."""
        how = on_stop or record.strategy.on_stop
        why = f"on_stop {how.value}"
        line = asyncio.create_task(self._written_down(user_id, record, how, why))
        try:
            return await stop
        finally:
            await line

    async def _written_down(self, user_id: UUID, record: StrategyRecord, how: OnStop, why: str) -> None:
        """Write the word where every worker reads it: a stalled run does not hear it."""
        strategy_id = record.strategy.strategy_id
        with suppress(StoreUnavailable):  # the run may hear all the same
            async with self.store.work(user_id) as session:
                await Strategies(session, user_id).ask_to_stop(strategy_id, how)
        await recorded_if_possible(self.store, user_id, Action.STRATEGY_STOP, str(strategy_id), why)


def _run_missing() -> TryLater:
    return TryLater(
        "This strategy's run is not there any more; it is being repaired. Try again in a few seconds.",
        "run_missing",
        5,
    )
