"""What all rows that the reconciler compares promise: those in Postgres and those in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.limits import UserLimits
from adapters.postgres.reconciliation import PostgresReconciliation
from domain.errors import StoreUnavailable
from domain.limits import KillExits
from domain.order import Leg
from domain.ports import Reconciliation
from domain.reconciler import EVERYTHING, Owned, Slice
from domain.run import ActivateRun, PhaseChange
from domain.strategy import Phase, Position
from tests.fakes.manual_clock import ManualClock
from tests.fakes.reconciliation import MemoryReconciliation
from tests.fakes.starts import a_start, a_strategy
from tests.store_rows import NOWHERE, Desk, seen

LATER = timedelta(minutes=1)


class Strategies(Protocol):
    """Strategies that a test starts, sells the shares of, and stops."""

    async def run(self, user_id: UUID) -> Owned:
        """Have a new strategy of that user run."""
        ...

    async def sell(self, strategy_id: UUID) -> None:
        """Buy its shares and sell them again, while its run does not look."""
        ...

    async def end_of_run(self, strategy_id: UUID) -> None:
        """Have its run begin to end."""
        ...

    async def stop(self, strategy_id: UUID) -> None: ...

    async def kill(self, user_id: UUID) -> None:
        """Turn the user's kill switch on, which sells."""
        ...


class InMemory:
    """Strategies of rows in memory."""

    def __init__(self, rows: MemoryReconciliation) -> None:
        self._rows = rows

    async def run(self, user_id: UUID) -> Owned:
        start = a_start(a_strategy(user_id), self._rows.clock.now())
        self._rows.run(start, "a run")
        return (await self._rows.owned(_only(start.strategy.strategy_id), _late()))[0]

    async def sell(self, strategy_id: UUID) -> None:
        self._rows.sell(strategy_id)

    async def end_of_run(self, strategy_id: UUID) -> None:
        self._rows.rows[strategy_id].phase = Phase.EXITING

    async def stop(self, strategy_id: UUID) -> None:
        self._rows.stop(strategy_id)

    async def kill(self, user_id: UUID) -> None:
        self._rows.killed.add(user_id)


@dataclass
class InPostgres:
    """Strategies of a store, each with the START it runs by."""

    store: Store
    desks: dict[UUID, tuple[Desk, ActivateRun]] = field(default_factory=dict)

    async def run(self, user_id: UUID) -> Owned:
        desk = await Desk.made(self.store, user_id=user_id)
        start = desk.start()
        await desk.runs.activate(start)
        self.desks[desk.strategy.strategy_id] = desk, start
        await self._phase(desk.strategy.strategy_id, Phase.HOLDING)
        return Owned(desk.strategy.strategy_id, start.ref.workflow_id)

    async def sell(self, strategy_id: UUID) -> None:
        desk, _ = self.desks[strategy_id]
        await desk.bought()
        sale = await desk.accepted(desk.key(Leg.EXIT), "1002")
        await desk.log.saw(sale, seen(sale, 10, broker_order_id="1002"))

    async def end_of_run(self, strategy_id: UUID) -> None:
        await self._phase(strategy_id, Phase.EXITING)

    async def stop(self, strategy_id: UUID) -> None:
        desk, start = self.desks[strategy_id]
        await desk.runs.finish(desk.end(start))

    async def kill(self, user_id: UUID) -> None:
        async with self.store.work(user_id) as session:
            await UserLimits(session, user_id).set_switch(KillExits.EXIT, "the user's word")

    async def _phase(self, strategy_id: UUID, phase: Phase) -> None:
        desk, start = self.desks[strategy_id]
        await desk.runs.change_phase(PhaseChange(start.ref, phase, "moved"))


@dataclass(frozen=True, slots=True)
class Subject:
    """The rows, and the strategies they are of."""

    rows: Reconciliation
    strategies: Strategies


def _only(strategy_id: UUID) -> Slice:
    return Slice(strategy_id.hex)


def _late() -> datetime:
    return datetime.now(UTC) + LATER


@pytest.fixture
def in_memory() -> Subject:
    rows = MemoryReconciliation(ManualClock(datetime.now(UTC)))
    return Subject(rows, InMemory(rows))


@pytest.fixture
def in_postgres(store: Store) -> Subject:
    return Subject(PostgresReconciliation(store), InPostgres(store))


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


def ids(rows: Sequence[Owned]) -> set[UUID]:
    return {row.strategy_id for row in rows}


async def test_a_running_strategy_is_in_its_slice_and_in_no_other(subject: Subject) -> None:
    one, other = [await subject.strategies.run(uuid4()) for _ in range(2)]
    assert ids(await subject.rows.owned(EVERYTHING, _late())) == {one.strategy_id, other.strategy_id}
    assert list(await subject.rows.owned(_only(one.strategy_id), _late())) == [one]


async def test_a_strategy_that_was_started_since_is_left_alone(subject: Subject) -> None:
    one = await subject.strategies.run(uuid4())
    assert list(await subject.rows.owned(_only(one.strategy_id), datetime.now(UTC) - LATER)) == []


async def test_a_running_row_says_by_which_start_it_runs_and_what_it_holds(subject: Subject) -> None:
    one = await subject.strategies.run(uuid4())
    (row,) = await subject.rows.running([one.strategy_id, uuid4()])
    assert (row.start.strategy.strategy_id, row.workflow_id) == (one.strategy_id, one.workflow_id)
    assert row.run_id
    assert row.position is Position.NONE
    assert list(await subject.rows.running([])) == []


async def test_a_stopped_strategy_is_nowhere(subject: Subject) -> None:
    user_id = uuid4()
    one = await subject.strategies.run(user_id)
    await subject.strategies.sell(one.strategy_id)
    await subject.strategies.kill(user_id)
    await subject.strategies.stop(one.strategy_id)
    assert list(await subject.rows.owned(EVERYTHING, _late())) == []
    assert list(await subject.rows.running([one.strategy_id])) == []
    assert list(await subject.rows.sold(_late())) == []
    assert list(await subject.rows.to_sell()) == []


async def test_a_run_goes_on_beside_a_sold_position_until_it_begins_to_end(subject: Subject) -> None:
    one = await subject.strategies.run(uuid4())
    assert list(await subject.rows.sold(_late())) == []
    await subject.strategies.sell(one.strategy_id)
    assert list(await subject.rows.sold(datetime.now(UTC) - LATER)) == [], "its run has had no time yet"
    (row,) = await subject.rows.sold(_late())
    assert (row.strategy_id, row.workflow_id) == (one.strategy_id, one.workflow_id)
    await subject.strategies.end_of_run(one.strategy_id)
    assert list(await subject.rows.sold(_late())) == []


async def test_a_kill_switch_that_sells_names_the_runs_of_its_user(subject: Subject) -> None:
    user_id = uuid4()
    mine = [await subject.strategies.run(user_id) for _ in range(2)]
    await subject.strategies.run(uuid4())
    await subject.strategies.kill(user_id)
    found = await subject.rows.to_sell()
    assert {(row.strategy_id, row.workflow_id) for row in found} == {
        (row.strategy_id, row.workflow_id) for row in mine
    }


async def test_no_order_is_in_doubt_where_none_was_sent(subject: Subject) -> None:
    await subject.strategies.run(uuid4())
    assert list(await subject.rows.doubtful_orders()) == []


async def test_rows_that_cannot_be_read_are_not_none() -> None:
    gone = Store.open(NOWHERE)
    away = MemoryReconciliation(ManualClock(), away=True)
    for rows in (away, PostgresReconciliation(gone)):
        with pytest.raises(StoreUnavailable):
            await rows.owned(EVERYTHING, _late())
        with pytest.raises(StoreUnavailable):
            await rows.running([uuid4()])
        with pytest.raises(StoreUnavailable):
            await rows.sold(_late())
        with pytest.raises(StoreUnavailable):
            await rows.to_sell()
    await gone.close()
