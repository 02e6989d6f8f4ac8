"""What every list of runs promises the reconciler: Temporal's own, and the one in memory."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.client import Client

from adapters.process.clock import SystemClock
from domain.errors import Unavailable
from domain.ports import OpenRuns
from domain.reconciler import Slice
from domain.run import StartRun
from tests.fakes.open_runs import MemoryOpenRuns
from tests.fakes.starts import a_start, id_of
from workflows.client import TemporalOpenRuns


@dataclass(frozen=True, slots=True)
class Subject:
    """The list, and what ends a run from outside."""

    runs: OpenRuns
    cut_short: Callable[[StartRun], Awaitable[None]]

    async def opened(self) -> StartRun:
        start = a_start()
        await self.runs.adopt(start)
        return start

    async def shows(self, what: Callable[[], Awaitable[bool]]) -> bool:
        """Wait until the list, which may lag behind, shows something."""
        async with asyncio.timeout(30):
            while not await what():  # noqa: ASYNC110 - the state is the server's
                await asyncio.sleep(0.05)
        return True


@pytest.fixture
def in_memory() -> Subject:
    runs = MemoryOpenRuns(SystemClock())

    async def cut_short(start: StartRun) -> None:
        runs.cut_short(start)

    return Subject(runs, cut_short)


@pytest.fixture
def in_temporal(temporal: Client) -> Subject:
    async def cut_short(start: StartRun) -> None:
        await temporal.get_workflow_handle(id_of(start)).terminate()

    return Subject(TemporalOpenRuns(temporal, f"nobody-{uuid4()}"), cut_short)


@pytest.fixture(params=["in_memory", "in_temporal"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


def slice_of(start: StartRun) -> Slice:
    return Slice(start.strategy.strategy_id.hex[:8])


async def test_an_adopted_run_is_open_until_it_is_cut_short(subject: Subject) -> None:
    start = a_start()
    assert not await subject.runs.is_open(id_of(start))
    await subject.runs.adopt(start)
    assert await subject.runs.is_open(id_of(start))
    await subject.cut_short(start)
    assert not await subject.runs.is_open(id_of(start))


async def test_a_run_that_is_open_is_not_adopted_twice(subject: Subject) -> None:
    start = await subject.opened()
    await subject.runs.adopt(start)

    async def one_is_listed() -> bool:
        return await subject.runs.open_count(slice_of(start), datetime.now(UTC)) == 1

    assert await subject.shows(one_is_listed)


async def test_an_open_run_is_listed_in_its_slice_alone(subject: Subject) -> None:
    start, other = await subject.opened(), await subject.opened()

    async def listed() -> bool:
        return await subject.runs.open_ids(slice_of(start)) == {id_of(start)}

    assert await subject.shows(listed)
    assert id_of(start) not in await subject.runs.open_ids(slice_of(other))


async def test_only_runs_of_before_an_instant_are_counted(subject: Subject) -> None:
    start = await subject.opened()

    async def counted() -> bool:
        return await subject.runs.open_count(slice_of(start), datetime.now(UTC)) == 1

    assert await subject.shows(counted)
    earlier = datetime.now(UTC) - timedelta(hours=1)
    assert await subject.runs.open_count(slice_of(start), earlier) == 0


async def test_a_run_that_was_cut_short_is_named_by_its_strategy(subject: Subject) -> None:
    start, since = await subject.opened(), datetime.now(UTC) - timedelta(minutes=1)
    strategy_id = start.strategy.strategy_id
    assert strategy_id not in await subject.runs.ended_since(since)
    await subject.cut_short(start)

    async def named() -> bool:
        return strategy_id in await subject.runs.ended_since(since)

    assert await subject.shows(named)
    assert strategy_id not in await subject.runs.ended_since(datetime.now(UTC) + timedelta(minutes=1))


async def test_a_run_that_is_not_open_is_told_nothing(subject: Subject) -> None:
    start = await subject.opened()
    await subject.cut_short(start)
    for workflow in (id_of(start), id_of(a_start())):
        run_id = str(uuid4())
        assert not await subject.runs.sell(workflow, run_id)
        await subject.runs.tell_sold(workflow, run_id)


async def test_no_run_is_missing_while_temporal_is_away(no_temporal: Client) -> None:
    start = a_start()
    words = id_of(start), str(uuid4())
    for runs in (MemoryOpenRuns(SystemClock(), away=True), TemporalOpenRuns(no_temporal, "nobody")):
        for call in (
            runs.open_ids(slice_of(start)),
            runs.open_count(slice_of(start), datetime.now(UTC)),
            runs.ended_since(datetime.now(UTC)),
            runs.is_open(id_of(start)),
            runs.sell(*words),
            runs.tell_sold(*words),
            runs.adopt(start),
        ):
            with pytest.raises(Unavailable):
                await call
