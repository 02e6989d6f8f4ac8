"""What every `NotedCloses` promises: those in Postgres and those in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.noted_closes import PostgresNotedCloses
from adapters.postgres.series import PostgresSeries, UserSeries
from domain.adjusted_price import NotedClose
from domain.ports import Bound, NotedCloses
from domain.series import PlanAnew
from domain.strategy import Strategy
from domain.terms import WEEK, Distance, Entry, EntryKind, Repeat, Target, Terms, Unit
from tests.fakes.noted_closes import MemoryNotedCloses
from tests.fakes.starts import a_strategy
from tests.integration.test_series import Seam

MONDAY, TUESDAY = date(2026, 12, 14), date(2026, 12, 15)
CLOSE = NotedClose(MONDAY, Decimal("3500.5"))
TWO_PERCENT = Distance(Decimal(2), Unit.PERCENT)


@dataclass(frozen=True, slots=True)
class Subject:
    """Closes of one open series, and what others do to it."""

    closes: NotedCloses
    series_id: UUID
    confirm: Callable[[], Awaitable[object]]
    stop: Callable[[], Awaitable[object]]
    later: Callable[[], Awaitable[object]]

    async def noted(self) -> None:
        [series] = await self.closes.take_to_note(MONDAY, 10)
        await self.closes.note(series, CLOSE)
        await self.later()

    async def due(self) -> bool:
        return await self.closes.to_compare(self.series_id, TUESDAY, MONDAY) is not None


async def in_postgres(store: Store) -> Subject:
    seam = await Seam.begun(store)
    series_id, owner = seam.start.start.start_id, seam.desk.strategy

    async def confirm() -> None:
        async with store.work(owner.user_id) as session:
            await UserSeries(session, owner.user_id).confirm_prices(owner.strategy_id)

    async def later() -> None:
        async with store.work() as session:
            await session.execute(text("UPDATE series SET close_asked_at = close_asked_at - interval '61 s'"))

    return Subject(PostgresNotedCloses(store), series_id, confirm, seam.stop, later)


async def in_memory(store: Store) -> Subject:
    closes, series_id = MemoryNotedCloses(), uuid4()
    row = closes.opened(series_id, a_strategy())

    async def confirm() -> None:
        closes.confirmed(series_id)

    async def stop() -> None:
        row.ended = True

    async def later() -> None:
        closes.a_minute_later()

    return Subject(closes, series_id, confirm, stop, later)


@pytest.fixture(params=[in_memory, in_postgres])
async def subject(request: pytest.FixtureRequest, store: Store) -> Subject:
    made: Subject = await request.param(store)
    return made


async def test_a_close_is_noted_once_a_day(subject: Subject) -> None:
    await subject.noted()
    assert not await subject.closes.take_to_note(MONDAY, 10)
    [series] = await subject.closes.take_to_note(TUESDAY, 10)
    assert series.noted == CLOSE


async def test_what_was_taken_is_left_alone_for_a_minute(subject: Subject) -> None:
    assert len(await subject.closes.take_to_note(MONDAY, 10)) == 1
    assert not await subject.closes.take_to_note(MONDAY, 10)
    await subject.later()
    assert len(await subject.closes.take_to_note(MONDAY, 10)) == 1


async def test_it_is_compared_once_with_the_close_of_the_day_before(subject: Subject) -> None:
    await subject.noted()
    assert not await subject.closes.take_to_compare(TUESDAY, MONDAY - timedelta(days=3), 10)
    [series] = await subject.closes.take_to_compare(TUESDAY, MONDAY, 10)
    assert [await subject.closes.compared(series, TUESDAY, adjusted=False) for _ in range(2)] == [True, False]
    await subject.later()
    assert not await subject.closes.take_to_compare(TUESDAY, MONDAY, 10)
    assert not await subject.due()


async def test_one_that_is_about_to_buy_is_compared_though_it_was_taken(subject: Subject) -> None:
    assert not await subject.due()
    await subject.noted()
    await subject.closes.take_to_compare(TUESDAY, MONDAY, 10)
    assert await subject.due()


async def test_prices_in_question_are_neither_noted_nor_compared_until_they_are_confirmed(
    subject: Subject,
) -> None:
    await subject.noted()
    [series] = await subject.closes.take_to_compare(TUESDAY, MONDAY, 10)
    assert await subject.closes.compared(series, TUESDAY, adjusted=True)
    await subject.later()
    assert not await subject.closes.take_to_note(TUESDAY, 10)
    await subject.confirm()
    assert not await subject.due(), "the close of before says nothing of prices that were confirmed since"
    assert len(await subject.closes.take_to_note(TUESDAY, 10)) == 1


async def test_an_answer_that_comes_while_it_is_compared_stands(subject: Subject) -> None:
    await subject.noted()
    [series] = await subject.closes.take_to_compare(TUESDAY, MONDAY, 10)
    await subject.confirm()
    assert not await subject.closes.compared(series, TUESDAY, adjusted=True)


async def test_an_ended_series_is_neither_noted_nor_compared(subject: Subject) -> None:
    await subject.noted()
    await subject.stop()
    assert not await subject.closes.take_to_note(TUESDAY, 10)
    assert not await subject.due()


WITHOUT_PRICE = Terms(stop=TWO_PERCENT, target=Target(distance=TWO_PERCENT), repeat=Repeat(WEEK))
FIXED: dict[str, tuple[Terms, bool]] = {
    "distances alone": (WITHOUT_PRICE, False),
    "a target": (Terms(stop=TWO_PERCENT, target=Target(Decimal(4000)), repeat=Repeat(WEEK)), True),
    "an entry": (
        Terms(stop=TWO_PERCENT, entry=Entry(EntryKind.LIMIT, Decimal(3400)), repeat=Repeat(WEEK)),
        True,
    ),
    "a chase": (
        Terms(
            stop=TWO_PERCENT,
            entry=Entry(EntryKind.CHASE, buffer=TWO_PERCENT, most=TWO_PERCENT),
            repeat=Repeat(WEEK),
        ),
        False,
    ),
}


@pytest.mark.parametrize("said", FIXED)
async def test_only_prices_are_in_question_and_no_distances(store: Store, said: str) -> None:
    terms, has_price = FIXED[said]
    seam = await Seam.begun(store, terms)
    strategy: Strategy = seam.desk.strategy
    memory = MemoryNotedCloses()
    memory.opened(seam.start.start.start_id, strategy)
    for closes in (PostgresNotedCloses(store), memory):
        assert bool(await closes.take_to_note(MONDAY, 10)) is has_price


async def test_a_day_whose_prices_are_in_question_is_not_bound(store: Store) -> None:
    seam = await Seam.begun(store)
    following = await seam.end()
    assert following is not None
    await seam.begin()
    request, closes = PlanAnew(seam.runs[-1], following, True), PostgresNotedCloses(store)
    [series] = await closes.take_to_note(MONDAY, 10)
    await closes.note(series, CLOSE)
    due = await closes.to_compare(series.series_id, TUESDAY, MONDAY)
    assert due is not None
    await closes.compared(due, TUESDAY, adjusted=True)
    days = PostgresSeries(store)
    assert await days.bind(request) is Bound.IN_QUESTION
    state = await days.state(following)
    assert state is not None
    assert state.asked_on == TUESDAY
    async with store.work(seam.desk.strategy.user_id) as session:
        await UserSeries(session, seam.desk.strategy.user_id).confirm_prices(seam.desk.strategy.strategy_id)
    assert await days.bind(request) is Bound.BOUND
