"""What every run store promises: the one in Postgres and the one in memory."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from adapters.postgres.engine import Store
from domain.errors import AnotherRun
from domain.ports import RunStore
from domain.run import ActivateRun, FinishRun, PhaseChange, RunRef, StartRun, workflow_id
from domain.session import DayPlan
from domain.strategy import Outcome, Phase, Position, Strategy
from tests.fakes.house import MemoryRunStore
from tests.store_rows import TODAY, Desk


@dataclass(frozen=True, slots=True)
class Subject:
    """A run store, a strategy of it, and what was written of the strategy."""

    runs: RunStore
    strategy: Strategy
    phases: Callable[[], Awaitable[Sequence[str]]]
    notes: Callable[[], Awaitable[Sequence[str]]]

    def start(self, day: datetime) -> ActivateRun:
        start_id, owner = uuid4(), self.strategy
        plan = DayPlan(day.date(), day, day + timedelta(hours=5), day, day + timedelta(hours=6))
        workflow = workflow_id(owner.strategy_id, plan.trading_day)
        ref = RunRef(owner.strategy_id, owner.user_id, workflow, f"run-{start_id}", start_id)
        return ActivateRun(ref, StartRun(start_id, owner, plan))

    def end(self, start: ActivateRun) -> FinishRun:
        return FinishRun(start.ref, self.strategy, Outcome.STOPPED, "because", Position.NONE)


def today() -> datetime:
    return datetime.combine(TODAY, time(4), tzinfo=UTC)


@pytest.fixture
def in_memory() -> Subject:
    store = MemoryRunStore()
    strategy = Strategy(uuid4(), uuid4(), "TCS", time(9, 30), time(15, 14), Decimal(3500), 10)

    async def phases() -> Sequence[str]:
        return store.phases

    async def notes() -> Sequence[str]:
        return [text for _, text in store.notes]

    return Subject(store, strategy, phases, notes)


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    desk = await Desk.made(store)

    async def phases() -> Sequence[str]:
        return [line.phase for line in await desk.lines() if line.text == "moved" and line.phase]

    async def notes() -> Sequence[str]:
        return [line.text for line in await desk.lines() if line.kind == "alert"]

    return Subject(desk.runs, desk.strategy, phases, notes)


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_a_start_has_one_round_however_often_it_is_activated(subject: Subject) -> None:
    start = subject.start(today())
    assert [(await subject.runs.activate(start)).round for _ in range(3)] == [1, 1, 1]


async def test_the_round_grows_within_a_day_and_begins_anew_the_next(subject: Subject) -> None:
    rounds = []
    for day in (today(), today(), today() + timedelta(days=1)):
        start = subject.start(day)
        rounds.append((await subject.runs.activate(start)).round)
        await subject.runs.finish(subject.end(start))
    assert rounds == [1, 2, 1]


async def test_a_second_run_does_not_take_a_strategy_that_is_running(subject: Subject) -> None:
    first = subject.start(today())
    await subject.runs.activate(first)
    with pytest.raises(AnotherRun):
        await subject.runs.activate(subject.start(today() + timedelta(days=1)))
    assert await subject.runs.owns(first.ref)


async def test_a_run_owns_its_strategy_until_it_has_finished(subject: Subject) -> None:
    start = subject.start(today())
    assert not await subject.runs.owns(start.ref)
    await subject.runs.activate(start)
    assert await subject.runs.owns(start.ref)
    assert not await subject.runs.owns(replace(start.ref, start_id=uuid4()))
    await subject.runs.finish(subject.end(start))
    await subject.runs.finish(subject.end(start))
    assert not await subject.runs.owns(start.ref)


async def test_a_phase_is_written_once_and_does_not_come_back(subject: Subject) -> None:
    start = subject.start(today())
    await subject.runs.activate(start)
    for phase in (Phase.ENTERING, Phase.ENTERING, Phase.HOLDING, Phase.ENTERING):
        await subject.runs.change_phase(PhaseChange(start.ref, phase, "moved"))
    assert list(await subject.phases()) == ["entering", "holding"]


async def test_an_old_run_changes_nothing(subject: Subject) -> None:
    old, new = subject.start(today()), subject.start(today())
    await subject.runs.activate(old)
    await subject.runs.finish(subject.end(old))
    await subject.runs.activate(new)
    await subject.runs.change_phase(PhaseChange(old.ref, Phase.HOLDING, "moved"))
    await subject.runs.finish(subject.end(old))
    assert await subject.runs.owns(new.ref)
    assert list(await subject.phases()) == []


async def test_a_note_is_written_once_for_each_start(subject: Subject) -> None:
    for start in (subject.start(today()), subject.start(today())):
        await subject.runs.activate(start)
        for _ in range(2):
            await subject.runs.note(start.ref, "alert", "No login.", {}, "login")
        await subject.runs.finish(subject.end(start))
    assert list(await subject.notes()) == ["No login.", "No login."]
