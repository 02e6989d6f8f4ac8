"""STOP: end the run the way the user wants it, and wait a while for the end."""

from uuid import UUID

from adapters.store.strategies import Strategies, StrategyRecord
from api.errors import Away, Conflict, NotFound
from api.parts import Parts
from api.starting import start_sale
from domain.errors import NoSuchRun
from domain.run import StopRequest
from domain.strategy import OnStop, Position, Status

LOOK_EVERY = 0.25
"""Seconds between looks at a sale that was started by STOP."""


async def stop(
    parts: Parts, user_id: UUID, strategy_id: UUID, on_stop: OnStop | None
) -> tuple[StrategyRecord, bool]:
    """Stop a strategy; returns how it stands, and whether the stop is over.

    Idempotent. On a stopped strategy that still holds shares, a named `exit` starts a run that only sells.
    """
    record = await _read(parts, user_id, strategy_id)
    if record.status is Status.CREATED:
        raise Conflict("not_started", "This strategy was never started: there is nothing to stop.")
    if record.status is Status.RUNNING:
        return await _stop_run(parts, user_id, record, on_stop)
    if record.position is Position.BOUGHT and on_stop is OnStop.EXIT:
        return await _sell_left_over(parts, user_id, record)
    return record, True


async def _stop_run(
    parts: Parts, user_id: UUID, record: StrategyRecord, on_stop: OnStop | None
) -> tuple[StrategyRecord, bool]:
    strategy_id = record.strategy.strategy_id
    if record.workflow_id is None or record.run_id is None:
        raise _run_missing()
    try:
        await parts.runs.stop(
            record.workflow_id, record.run_id, StopRequest(on_stop), parts.stop_wait_seconds
        )
    except NoSuchRun:
        # It ended between our look and our call, or was terminated: then the reconciler writes its end.
        record = await _read(parts, user_id, strategy_id)
        if record.status is Status.RUNNING:
            raise _run_missing() from None
        return record, True
    record = await _read(parts, user_id, strategy_id)
    return record, record.status is Status.STOPPED


async def _sell_left_over(parts: Parts, user_id: UUID, record: StrategyRecord) -> tuple[StrategyRecord, bool]:
    plan = await start_sale(parts, user_id, record)
    deadline = parts.clock.monotonic() + parts.stop_wait_seconds
    wait = (plan.sell_at - parts.clock.now()).total_seconds() < parts.stop_wait_seconds
    while True:
        record = await _read(parts, user_id, record.strategy.strategy_id)
        if record.status is Status.STOPPED:
            return record, True
        if not wait or parts.clock.monotonic() >= deadline:
            return record, False
        await parts.clock.sleep(LOOK_EVERY)


async def _read(parts: Parts, user_id: UUID, strategy_id: UUID) -> StrategyRecord:
    async with parts.store.read() as session:
        record = await Strategies(session, user_id).get(strategy_id)
    if record is None:
        raise NotFound
    return record


def _run_missing() -> Away:
    return Away(
        "This strategy's run is not there any more; it is being repaired. Try again in a few seconds.",
        "run_missing",
        5,
    )
