"""STOP: end the run the way the user wants it, and wait a while for the end."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar
from uuid import UUID

from adapters.postgres.strategies import StrategyRecord
from adapters.postgres.strategy_view_row import StrategyViewRow, read_strategy_view
from api.account.audit import recorded_if_possible
from api.dependencies import Dependencies
from api.http.errors import Away, Conflict, NotFound
from api.strategies.starting import start_sale
from domain.audit import Action
from domain.errors import NoSuchRun
from domain.run import StopRequest
from domain.strategy import OnStop, Position, Status

Stopped = TypeVar("Stopped")
LOOK_EVERY = 0.25
"""Seconds between looks at a sale that was started by STOP."""


async def stop(
    parts: Dependencies, user_id: UUID, strategy_id: UUID, on_stop: OnStop | None
) -> tuple[StrategyViewRow, bool]:
    """Stop a strategy; returns how it stands, and whether the stop is over.

    Idempotent. On a stopped strategy that still holds shares, a named `exit` starts a run that only sells.
    """
    stands = await _read(parts, user_id, strategy_id)
    record = stands.record
    if record.status is Status.CREATED:
        raise Conflict("not_started", "This strategy was never started: there is nothing to stop.")
    if record.status is Status.RUNNING:
        return await _stop_run(parts, user_id, record, on_stop)
    if record.position is Position.BOUGHT and on_stop is OnStop.EXIT:
        return await _sell_left_over(parts, user_id, record)
    return stands, True


async def _stop_run(
    parts: Dependencies, user_id: UUID, record: StrategyRecord, on_stop: OnStop | None
) -> tuple[StrategyViewRow, bool]:
    strategy_id = record.strategy.strategy_id
    if record.workflow_id is None or record.run_id is None:
        raise _run_missing()
    asked = parts.runs.stop(record.workflow_id, record.run_id, StopRequest(on_stop), parts.stop_wait_seconds)
    try:
        await _with_a_record(parts, user_id, record, on_stop, asked)
    except NoSuchRun:
        # It ended between our look and our call, or was terminated: then the reconciler writes its end.
        stands = await _read(parts, user_id, strategy_id)
        if stands.record.status is Status.RUNNING:
            raise _run_missing() from None
        return stands, True
    stands = await _read(parts, user_id, strategy_id)
    return stands, stands.record.status is Status.STOPPED


async def _sell_left_over(
    parts: Dependencies, user_id: UUID, record: StrategyRecord
) -> tuple[StrategyViewRow, bool]:
    plan = await start_sale(parts, user_id, record)
    deadline = parts.clock.monotonic() + parts.stop_wait_seconds
    wait = (plan.sell_at - parts.clock.now()).total_seconds() < parts.stop_wait_seconds
    while True:
        stands = await _read(parts, user_id, record.strategy.strategy_id)
        if stands.record.status is Status.STOPPED:
            return stands, True
        if not wait or parts.clock.monotonic() >= deadline:
            return stands, False
        await parts.clock.sleep(LOOK_EVERY)


async def _with_a_record(
    parts: Dependencies,
    user_id: UUID,
    record: StrategyRecord,
    on_stop: OnStop | None,
    stop: Awaitable[Stopped],
) -> Stopped:
    """Stop and record it beside that: nothing keeps a STOP waiting."""
    what, how = str(record.strategy.strategy_id), on_stop or record.strategy.on_stop
    line = asyncio.create_task(
        recorded_if_possible(parts, user_id, Action.STRATEGY_STOP, what, f"on_stop {how.value}")
    )
    try:
        return await stop
    finally:
        await line


async def _read(parts: Dependencies, user_id: UUID, strategy_id: UUID) -> StrategyViewRow:
    found = await read_strategy_view(parts.store, user_id, strategy_id)
    if found is None:
        raise NotFound
    return found


def _run_missing() -> Away:
    return Away(
        "This strategy's run is not there any more; it is being repaired. Try again in a few seconds.",
        "run_missing",
        5,
    )
