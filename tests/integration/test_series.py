"""Series of days on a real Postgres: the seam between two days, whatever comes in which order."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time, timedelta
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from adapters.postgres.engine import Store
from adapters.postgres.series import PostgresSeries, UserSeries
from adapters.postgres.series_tables import SeriesRow
from adapters.postgres.starts import Starts
from adapters.postgres.tables import StartRow, StrategyRow
from adapters.postgres.terms_json import terms_json
from adapters.process.clock import SystemClock
from domain.order import Leg, Reason
from domain.ports import Bound, NotClaimed
from domain.run import (
    ActivateRun,
    RunRef,
    StartRun,
    workflow_id,
)
from domain.series import (
    EndDay,
    PlanAnew,
    SeriesEnd,
)
from domain.session import exchange_time
from domain.strategy import Outcome, Position
from domain.terms import WEEK, Repeat, Terms
from execution.series_days import SeriesDays
from tests.fakes.calendar import ClosedOn
from tests.fakes.instruments import listing_nothing
from tests.fakes.noted_closes import comparing_nothing
from tests.fakes.trading_days import MemoryTradingDays, SameEveryDay
from tests.store_rows import TERMS, Desk, just_now, seen

CLOCK = SystemClock()
EVERY_DAY = Terms(repeat=Repeat(WEEK))


@dataclass
class Seam:
    """One strategy that repeats, on its first day; and whatever may happen at the end of that day."""

    desk: Desk
    start: ActivateRun
    store: PostgresSeries
    days: SeriesDays
    runs: list[RunRef] = field(default_factory=list)
    pressed: list[str] = field(default_factory=list)

    @classmethod
    async def begun(cls, store: Store, terms: Terms = EVERY_DAY) -> "Seam":
        made = await Desk.made(store)
        stop_loss = made.strategy.stop_loss if terms.stop is None else None
        await made._set(terms=terms_json(terms), stop_loss=stop_loss)
        desk = replace(made, strategy=replace(made.strategy, terms=terms, stop_loss=stop_loss))
        start = desk.start(exchange_time(just_now()).date())
        async with store.work(desk.strategy.user_id) as session:
            series_id = await UserSeries(session, desk.strategy.user_id).open(
                desk.strategy.strategy_id, start.start.start_id
            )
            start = replace(start, start=replace(start.start, series_id=series_id))
            await Starts(session, desk.strategy.user_id).write(start.start)
        await desk.runs.activate(start)
        series = PostgresSeries(store)
        return cls(
            desk,
            start,
            series,
            SeriesDays(series, MemoryTradingDays(), CLOCK, comparing_nothing(CLOCK), listing_nothing()),
        )

    def ending(self, outcome: Outcome = Outcome.SOLD, *, asked: bool = False) -> EndDay:
        return EndDay(self.desk.end(self.start, outcome), self.start.start, asked)

    async def end(self, outcome: Outcome = Outcome.SOLD, *, asked: bool = False) -> StartRun | None:
        return await self.days.end_day(self.ending(outcome, asked=asked))

    async def stop(self) -> None:
        await self._end_series(SeriesEnd.STOPPED)

    async def kill(self) -> None:
        user_id = self.desk.strategy.user_id
        async with self.desk.store.work(user_id) as session:
            await UserSeries(session, user_id).end_all(SeriesEnd.KILL_SWITCH)

    async def _end_series(self, why: SeriesEnd) -> None:
        user_id = self.desk.strategy.user_id
        async with self.desk.store.work(user_id) as session:
            await UserSeries(session, user_id).end(self.desk.strategy.strategy_id, why)

    async def begin(self) -> None:
        """Begin the run of what waits for one, as the run before or the reconciler does."""
        pending = await self.store.pending(self.desk.strategy.strategy_id)
        if pending is not None:
            activation = await self.desk.runs.activate(self.activation(pending))
            assert activation.series_over == (await self.ended_by() is not None)

    def activation(self, start: StartRun) -> ActivateRun:
        mine = self.desk.strategy
        id_ = workflow_id(mine.strategy_id, start.plan.trading_day)
        ref = RunRef(mine.strategy_id, mine.user_id, id_, f"run-{uuid4()}", start.start_id, just_now())
        self.runs.append(ref)
        return ActivateRun(ref, start)

    async def ended_by(self) -> str | None:
        row = SeriesRow
        query = select(row.ended_by).where(row.strategy_id == self.desk.strategy.strategy_id)
        async with self.desk.store.read() as session:
            return (await session.execute(query)).scalar_one()

    async def starts(self) -> Sequence[StartRow]:
        query = select(StartRow).where(StartRow.strategy_id == self.desk.strategy.strategy_id)
        async with self.desk.store.read() as session:
            return list(await session.scalars(query.order_by(StartRow.written_at)))

    async def barred(self) -> str:
        """Return why an entry of the day that waits is barred, as if it were due now."""
        row = await self.desk.row()
        assert row.trading_day is not None
        key = replace(self.desk.key(), trading_day=row.trading_day, round=row.round)
        planned = await self.desk.log.plan(key, TERMS, 1, just_now())
        claim = await self.desk.log.claim(planned, 10, Reason.BUY, just_now() + timedelta(days=2), None)
        assert isinstance(claim, NotClaimed)
        return claim.barred or ""


async def sold(seam: Seam) -> None:
    for leg in Leg:
        attempt = await seam.desk.sent(seam.desk.key(leg, day=seam.start.start.plan.trading_day))
        await seam.desk.log.saw(attempt, seen(attempt, 10, "3500", broker_order_id=f"{leg}-{uuid4()}"))


EVENTS: dict[str, Callable[[Seam], Awaitable[object]]] = {
    "the day ends": Seam.end,
    "it ends again": Seam.end,
    "STOP": Seam.stop,
    "kill switch": Seam.kill,
    "the next run begins": Seam.begin,
    "it is begun again": Seam.begin,
}
ORDERS = [order for length in range(1, 5) for order in permutations(EVENTS, length)]


@pytest.mark.parametrize("part", range(8))
async def test_no_day_twice_no_day_lost_and_none_after_a_stop_in_whatever_order(
    store: Store, part: int
) -> None:
    for order in ORDERS[part::8]:
        if "the day ends" not in order:
            continue
        seam = await Seam.begun(store)
        for event in order:
            await EVENTS[event](seam)
        await judge(seam, order)


async def judge(seam: Seam, order: Sequence[str]) -> None:
    """Say what is wrong after these events: what a series promises, whatever their order."""
    today = seam.start.start.plan.trading_day
    row, starts = await seam.desk.row(), await seam.starts()
    ends = [event for event in order if event in ("STOP", "kill switch")]
    days = [date.fromisoformat(start.plan["trading_day"]) for start in starts]
    assert days == sorted(set(days)), f"{order}: a day twice"
    stopped_first = bool(ends) and order.index(ends[0]) < min(
        order.index(event) for event in ("the day ends", "it ends again") if event in order
    )
    if stopped_first:
        assert (row.status, len(starts)) == ("stopped", 1), f"{order}: a day follows a STOP"
        return
    assert row.status == "running", f"{order}: the series is lost"
    assert (row.phase, row.trading_day) == ("waiting", today + timedelta(days=1)), order
    assert (row.outcome, row.position) == (None, "none"), order
    barred = await seam.barred()
    assert ("series" in barred) == bool(ends), f"{order}: {barred or 'nothing'} bars the next purchase"


class Interrupted(PostgresSeries):
    """Has something happen after a day was planned and before it is written."""

    def __init__(self, store: Store, what: Callable[[], Awaitable[object]]) -> None:
        super().__init__(store)
        self._what: Callable[[], Awaitable[object]] | None = what

    async def end_day(self, request: EndDay, following: StartRun | None) -> StartRun | None:
        await self._happens()
        return await super().end_day(request, following)

    async def bind(self, request: PlanAnew) -> Bound:
        await self._happens()
        return await super().bind(request)

    async def _happens(self) -> None:
        what, self._what = self._what, None
        if what is not None:
            await what()

    def days(self) -> SeriesDays:
        return SeriesDays(self, MemoryTradingDays(), CLOCK, comparing_nothing(CLOCK), listing_nothing())


@pytest.mark.parametrize("word", ["STOP", "kill switch"])
async def test_a_stop_while_the_next_day_is_planned_ends_the_series(store: Store, word: str) -> None:
    seam = await Seam.begun(store)
    days = Interrupted(store, lambda: EVENTS[word](seam)).days()
    assert await days.end_day(seam.ending()) is None
    assert (await seam.desk.row()).status == "stopped"


async def test_an_edit_while_the_next_day_is_planned_is_in_it(store: Store) -> None:
    seam = await Seam.begun(store)
    following = await Interrupted(store, lambda: edited(seam, quantity=25)).days().end_day(seam.ending())
    assert following is not None
    assert following.strategy.quantity == 25


async def test_an_edit_while_a_day_is_bound_is_in_it(store: Store) -> None:
    seam, waits = await waiting(store)
    days = Interrupted(store, lambda: edited(seam, quantity=25)).days()
    planned = await days.plan_anew(replace(waits, binding=True))
    assert planned.start is not None
    assert planned.start.strategy.quantity == 25
    assert (await seam.desk.row()).phase == "waiting"


async def test_the_day_that_waits_is_of_the_next_trading_day_by_the_terms_of_then(store: Store) -> None:
    seam = await Seam.begun(store)
    following = await seam.end()
    assert following is not None
    today = seam.start.start.plan.trading_day
    assert following.plan.trading_day == today + timedelta(days=1)
    assert (following.series_id, following.account) == (seam.start.start.series_id, "")
    lines = [line.text for line in await seam.desk.lines()]
    assert any("The next day is" in line for line in lines)


@pytest.mark.parametrize(
    ("outcome", "ended_by"),
    [
        (Outcome.STOPPED, "stopped"),
        (Outcome.KEPT, "stopped"),
        (Outcome.CANCELLED, "terminated"),
        (Outcome.TERMINATED, "terminated"),
    ],
)
async def test_a_day_that_was_ended_ends_the_series(store: Store, outcome: Outcome, ended_by: str) -> None:
    seam = await Seam.begun(store)
    assert await seam.end(outcome) is None
    assert ((await seam.desk.row()).status, await seam.ended_by()) == ("stopped", ended_by)


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.MISSED, Outcome.REJECTED, Outcome.ORDER_FAILED])
async def test_a_day_on_which_nothing_was_bought_is_followed_by_the_next(
    store: Store, outcome: Outcome
) -> None:
    seam = await Seam.begun(store)
    assert await seam.end(outcome) is not None


async def test_shares_that_are_left_halt_the_series_and_say_so(store: Store) -> None:
    seam = await Seam.begun(store)
    attempt = await seam.desk.sent(seam.desk.key(day=seam.start.start.plan.trading_day))
    await seam.desk.log.saw(attempt, seen(attempt, 10))
    request = replace(
        seam.ending(Outcome.ORDER_FAILED),
        finish=replace(seam.desk.end(seam.start, Outcome.ORDER_FAILED), position=Position.BOUGHT),
    )
    assert await seam.days.end_day(request) is None
    assert ((await seam.desk.row()).status, await seam.ended_by()) == ("stopped", "left_over")
    assert "still held" in (await seam.desk.lines())[-1].text


async def test_an_order_in_doubt_halts_the_series(store: Store) -> None:
    seam = await Seam.begun(store)
    await seam.desk.sent(seam.desk.key(day=seam.start.start.plan.trading_day))
    assert await seam.end(Outcome.ORDER_FAILED) is None
    assert ((await seam.desk.row()).status, await seam.ended_by()) == ("stopped", "in_doubt")


async def test_the_last_day_ends_the_series(store: Store) -> None:
    today = exchange_time(just_now()).date()
    seam = await Seam.begun(store, Terms(repeat=Repeat(WEEK, today)))
    assert await seam.end() is None
    assert ((await seam.desk.row()).status, await seam.ended_by()) == ("stopped", "completed")
    assert (await seam.desk.lines())[-1].text.endswith("No further day follows: this was the last one.")


async def waiting(store: Store) -> tuple[Seam, PlanAnew]:
    """Return a series whose second day waits with a run."""
    seam = await Seam.begun(store)
    following = await seam.end()
    assert following is not None
    request = seam.activation(following)
    await seam.desk.runs.activate(request)
    return seam, PlanAnew(request.ref, following)


async def edited(seam: Seam, **terms: object) -> None:
    async with seam.desk.store.work() as session:
        mine = update(StrategyRow).where(StrategyRow.strategy_id == seam.desk.strategy.strategy_id)
        await session.execute(mine.values(**terms))


async def test_a_day_that_waits_is_planned_anew_by_edited_terms(store: Store) -> None:
    seam, waits = await waiting(store)
    assert (await seam.days.plan_anew(waits)).start is None, "nothing has changed"
    await edited(seam, quantity=25)
    planned = await seam.days.plan_anew(waits)
    assert planned.start is not None
    assert (planned.start.strategy.quantity, planned.start.plan.trading_day) == (
        25,
        waits.start.plan.trading_day,
    )
    assert (await seam.days.plan_anew(waits)).start == planned.start, "asked again, it says the same"


async def test_a_day_is_bound_to_its_terms_once(store: Store) -> None:
    seam, waits = await waiting(store)
    assert await seam.days.plan_anew(replace(waits, binding=True)) == await seam.days.plan_anew(
        replace(waits, binding=True)
    )
    assert (await seam.desk.row()).phase == "entering"


async def test_a_day_that_is_left_out_gives_way_to_the_next(store: Store) -> None:
    seam, waits = await waiting(store)
    user_id, day = seam.desk.strategy.user_id, waits.start.plan.trading_day
    async with store.work(user_id) as session:
        await UserSeries(session, user_id).leave_out(seam.desk.strategy.strategy_id, day)
    planned = await seam.days.plan_anew(waits)
    assert planned.start is not None
    assert planned.start.plan.trading_day == day + timedelta(days=1)
    assert (await seam.desk.row()).trading_day == day + timedelta(days=1)


async def test_a_day_that_was_closed_by_mistake_is_begun_after_all(store: Store) -> None:
    calendar = ClosedOn(SameEveryDay())
    seam, waits = await waiting(store)
    day = waits.start.plan.trading_day
    days = SeriesDays(
        seam.store, MemoryTradingDays(trades=calendar), CLOCK, comparing_nothing(CLOCK), listing_nothing()
    )
    calendar.closed.add(day)
    moved = (await days.plan_anew(waits)).start
    assert moved is not None
    put_off = seam.activation(moved)
    await seam.desk.runs.activate(put_off)
    calendar.closed.clear()
    back = (await days.plan_anew(PlanAnew(put_off.ref, moved))).start
    assert back is not None
    activation = await seam.desk.runs.activate(seam.activation(back))
    row = await seam.desk.row()
    assert (activation.round, row.trading_day, row.phase) == (1, day, "waiting")


async def test_a_day_that_is_over_does_not_come_again_by_an_edit(store: Store) -> None:
    seam, waits = await waiting(store)
    await edited(seam, buy_time=time(23, 59, 57), sell_time=time(23, 59, 59))
    planned = await seam.days.plan_anew(waits)
    assert planned.start is not None
    assert planned.start.plan.trading_day == waits.start.plan.trading_day


async def test_what_waits_without_a_run_and_what_is_over_is_found(store: Store) -> None:
    seam = await Seam.begun(store)
    following = await seam.end()
    found = await seam.store.all_pending(timedelta(0))
    assert [start.start_id for start in found if following and start.start_id == following.start_id]
    await seam.begin()
    assert await seam.store.pending(seam.desk.strategy.strategy_id) is None
    everyone = (UUID(int=0), UUID(int=2**128 - 1))
    mine = [day for day in await seam.store.waiting(*everyone) if day.start == following]
    assert [day.state is None for day in mine] == [False]
    await seam.stop()
    assert [day.start for day in await seam.store.all_over() if day.start == following] == [following]


async def test_a_second_press_joins_the_series_that_is_open(store: Store) -> None:
    seam = await Seam.begun(store)
    user_id = seam.desk.strategy.user_id
    async with store.work(user_id) as session:
        again = await UserSeries(session, user_id).open(seam.desk.strategy.strategy_id, uuid4())
    assert again == seam.start.start.series_id


def test_the_orders_explored_are_many() -> None:
    assert len(ORDERS) > 350
