"""What every `SeriesStore` promises: the one in Postgres and the one in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from uuid import UUID, uuid4

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.series import PostgresSeries
from domain.errors import PlanIsOld
from domain.ports import Bound, SeriesStore
from domain.run import (
    FinishRun,
    RunRef,
    StartRun,
    workflow_id,
)
from domain.series import (
    EndDay,
    PlanAnew,
    SeriesEnd,
)
from domain.session import EXCHANGE_ZONE
from domain.strategy import Outcome, Position
from tests.fakes.series import MemorySeries
from tests.integration.test_series import Seam, edited
from tests.store_rows import just_now

EVERYBODY = (UUID(int=0), UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True)
class Subject:
    """A store with one series, on its first day; and what others do to it."""

    store: SeriesStore
    start: StartRun
    edit: Callable[[], Awaitable[object]]
    stop: Callable[[], Awaitable[object]]
    begin: Callable[[StartRun], Awaitable[RunRef]]

    def ending(self, outcome: Outcome = Outcome.SOLD, *, asked: bool = False) -> EndDay:
        finish = FinishRun(_ref(self.start), self.start.strategy, outcome, "because", Position.NONE)
        return EndDay(finish, self.start, asked)

    def following(self, ahead: int = 1) -> StartRun:
        day = self.start.plan.trading_day + timedelta(days=ahead)
        buy_at = datetime.combine(day, time(9, 30), EXCHANGE_ZONE)
        moved = replace(self.start.plan, trading_day=day, buy_at=buy_at, sell_at=buy_at + timedelta(hours=5))
        return replace(self.start, start_id=uuid4(), plan=moved)


def _ref(start: StartRun) -> RunRef:
    mine = start.strategy
    id_ = workflow_id(mine.strategy_id, start.plan.trading_day)
    return RunRef(mine.strategy_id, mine.user_id, id_, f"run-{uuid4()}", start.start_id, just_now())


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    seam = await Seam.begun(store)

    async def begin(start: StartRun) -> RunRef:
        request = seam.activation(start)
        await seam.desk.runs.activate(request)
        return request.ref

    return Subject(
        PostgresSeries(store), seam.start.start, lambda: edited(seam, quantity=25), seam.stop, begin
    )


@pytest.fixture
async def in_memory(store: Store) -> Subject:
    series = MemorySeries()
    start = (await Seam.begun(store)).start.start
    row = series.started(start)
    row.run_id = "the first"

    async def edit() -> None:
        row.strategy = replace(row.strategy, quantity=25)

    async def stop() -> None:
        row.ended_by = SeriesEnd.STOPPED

    async def begin(start: StartRun) -> RunRef:
        ref = _ref(start)
        row.run_id = ref.run_id
        return ref

    return Subject(series, start, edit, stop, begin)


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_the_end_of_a_day_has_the_next_one_wait_once(subject: Subject) -> None:
    following = subject.following()
    for _ in range(2):
        pending = await subject.store.end_day(subject.ending(), following)
        assert pending is not None
        assert pending.start_id == following.start_id
    state = await subject.store.state(following)
    assert state is not None
    assert state.last_day == subject.start.plan.trading_day
    await subject.begin(following)
    assert await subject.store.pending(following.strategy.strategy_id) is None


@pytest.mark.parametrize(("outcome", "asked"), [(Outcome.STOPPED, False), (Outcome.SOLD, True)])
async def test_a_day_that_was_stopped_is_followed_by_none(
    subject: Subject, outcome: Outcome, asked: bool
) -> None:
    assert await subject.store.end_day(subject.ending(outcome, asked=asked), subject.following()) is None
    assert await subject.store.state(subject.start) is None


async def test_an_ended_series_has_no_state_and_no_next_day(subject: Subject) -> None:
    await subject.stop()
    assert await subject.store.state(subject.start) is None
    assert await subject.store.end_day(subject.ending(), subject.following()) is None


async def test_a_plan_by_the_terms_of_before_is_refused(subject: Subject) -> None:
    await subject.edit()
    with pytest.raises(PlanIsOld):
        await subject.store.end_day(subject.ending(), subject.following())


async def waits(subject: Subject) -> PlanAnew:
    following = subject.following()
    await subject.store.end_day(subject.ending(), following)
    return PlanAnew(await subject.begin(following), following)


async def test_a_waiting_day_is_bound_where_its_terms_are_those_of_now(subject: Subject) -> None:
    request = await waits(subject)
    found = await subject.store.waiting(*EVERYBODY)
    assert [day.state is not None for day in found if day.start.start_id == request.start.start_id] == [True]
    assert [await subject.store.bind(request) for _ in range(2)] == [Bound.BOUND, Bound.BOUND]


async def test_a_waiting_day_is_not_bound_after_an_edit_or_an_end(subject: Subject) -> None:
    request = await waits(subject)
    await subject.edit()
    assert await subject.store.bind(request) is Bound.EDITED
    await subject.stop()
    assert await subject.store.bind(request) is Bound.OVER
    over = [day.start.start_id for day in await subject.store.all_over()]
    assert request.start.start_id in over


async def test_another_day_takes_the_place_of_one_that_waits(subject: Subject) -> None:
    request = await waits(subject)
    later = subject.following(ahead=2)
    pending = await subject.store.plan_anew(request, later)
    assert pending is not None
    assert pending.start_id == later.start_id
    assert later.start_id in {start.start_id for start in await subject.store.all_pending(timedelta(0))}
