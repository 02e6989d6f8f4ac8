"""What every `OverdueRuns` promises: the one in Postgres and the one in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from adapters.postgres.engine import Store
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from adapters.postgres.tables import StrategyRow
from domain.order import Leg, LegKey, OrderTerms, Reason
from domain.overdue import OverdueRun, StandingRun, Step
from domain.ports import OverdueRuns
from domain.run import ExitOrder
from domain.strategy import Product
from tests.fakes.overdue_runs import MemoryOverdueRuns
from tests.store_rows import TODAY, Desk


@dataclass(frozen=True, slots=True)
class Subject:
    """One run that holds ten shares past its sell_at, and how to stop it."""

    runs: OverdueRuns
    lines: Callable[[], Awaitable[list[str]]]
    stop: Callable[[], Awaitable[None]]


@pytest.fixture
def in_memory() -> Subject:
    strategy_id, user_id, start_id = uuid4(), uuid4(), uuid4()
    due_at = datetime.now(UTC) - timedelta(minutes=2)
    late = OverdueRun(
        strategy_id,
        user_id,
        start_id,
        "strategy-1",
        "a@b.example",
        "NSE",
        "TCS",
        "CNC",
        Step.SALE,
        due_at,
        10,
    )
    key = LegKey(strategy_id, user_id, TODAY, 1, Leg.EXIT)
    sale = ExitOrder(key, OrderTerms("NSE", "TCS", Product.CNC), 10, Reason.SELL, due_at)
    memory = MemoryOverdueRuns([late], [StandingRun(strategy_id, None, sale)])

    async def lines() -> list[str]:
        return list(memory.lines.values())

    async def stop() -> None:
        memory.stopped.add(strategy_id)
        memory.late.clear()

    return Subject(memory, lines, stop)


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    desk = await Desk.made(store)
    start = desk.start()
    await desk.runs.activate(start)
    await desk.bought()
    past, ahead = datetime.now(UTC) - timedelta(minutes=2), datetime.now(UTC) + timedelta(hours=1)
    async with store.work() as session:
        await session.execute(update(StrategyRow).values(sell_at=past, closes_at=ahead))

    async def lines() -> list[str]:
        return [line.text for line in await desk.lines() if line.kind == "alert"]

    async def stop() -> None:
        await desk.runs.finish(desk.end(start))

    return Subject(PostgresOverdueRuns(store), lines, stop)


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_what_is_overdue_is_found_with_what_it_holds(subject: Subject) -> None:
    (late,) = await subject.runs.overdue()
    assert (late.step, late.held, late.symbol) == (Step.SALE, 10, "TCS")
    (found,) = await subject.runs.standing("worker")
    assert found.sale is not None
    assert (found.entry, found.sale.bought, found.sale.key.leg) == (None, 10, Leg.EXIT)


async def test_it_is_told_once_whoever_tells(subject: Subject) -> None:
    (late,) = await subject.runs.overdue()
    assert [await subject.runs.tell(late, "It stands still.") for _ in range(2)] == [True, False]
    other = replace(late, step=Step.STOP)
    assert await subject.runs.tell(other, "It does not hear.")
    assert await subject.lines() == ["It stands still.", "It does not hear."]


async def test_what_has_stopped_is_neither_overdue_nor_running(subject: Subject) -> None:
    (late,) = await subject.runs.overdue()
    assert await subject.runs.running([late.strategy_id]) == {late.strategy_id}
    await subject.stop()
    assert await subject.runs.running([late.strategy_id]) == frozenset()
    assert list(await subject.runs.overdue()) == []
    assert list(await subject.runs.standing("worker")) == []
