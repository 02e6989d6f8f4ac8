"""What everything that says what operators must act on promises: Postgres, and the list in memory."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.operator_alerts import PostgresOperatorAlerts
from domain.errors import StoreUnavailable
from domain.operator_alerts import Due, LeftOver, LoginNeeded
from domain.ports import OperatorAlerts
from domain.strategy import Outcome, Position
from tests.fakes.operator_alerts import MemoryOperatorAlerts
from tests.fakes.starts import a_start, a_strategy
from tests.store_rows import NOWHERE, Desk

BUYS_AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
EARLY = BUYS_AT - timedelta(hours=1)


class Users(Protocol):
    """Users whom something is the matter with."""

    async def without_login(self) -> UUID:
        """Start a strategy that buys at `BUYS_AT`, of a user without a login; return its id."""
        ...

    async def with_left_over(self, quantity: int) -> UUID:
        """Have a strategy stop with shares that it could not sell; return its id."""
        ...


class InMemory:
    """Users of a list in memory."""

    def __init__(self, alerts: MemoryOperatorAlerts) -> None:
        self._alerts = alerts

    async def without_login(self) -> UUID:
        needed = LoginNeeded(uuid4(), "a@example.com", uuid4(), "TCS", Due.BUY, BUYS_AT, None)
        self._alerts.needed.append(needed)
        start = a_start(a_strategy(needed.user_id, needed.strategy_id), BUYS_AT - timedelta(hours=2))
        self._alerts.entries.append(start)
        return needed.strategy_id

    async def with_left_over(self, quantity: int) -> UUID:
        since = BUYS_AT + timedelta(seconds=len(self._alerts.left))
        who = (uuid4(), uuid4(), "a@example.com")
        left = LeftOver(*who, "NSE", "TCS", "CNC", quantity, since, "because")
        self._alerts.left.insert(0, left)
        return left.strategy_id


class InPostgres:
    """Users of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def without_login(self) -> UUID:
        desk = await Desk.made(self._store)
        await desk.runs.activate(desk.start())
        return desk.strategy.strategy_id

    async def with_left_over(self, quantity: int) -> UUID:
        desk = await Desk.made(self._store)
        start = desk.start()
        await desk.runs.activate(start)
        await desk.bought(quantity)
        await desk.runs.finish(desk.end(start, Outcome.ORDER_FAILED, Position.BOUGHT))
        return desk.strategy.strategy_id


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked, and the users it is asked about."""

    alerts: OperatorAlerts
    users: Users


@pytest.fixture
def in_memory() -> Subject:
    alerts = MemoryOperatorAlerts()
    return Subject(alerts, InMemory(alerts))


@pytest.fixture
def in_postgres(store: Store) -> Subject:
    return Subject(PostgresOperatorAlerts(store), InPostgres(store))


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_where_all_is_well_nothing_is_to_be_done(subject: Subject) -> None:
    assert list(await subject.alerts.logins_needed(EARLY)) == []
    assert list(await subject.alerts.left_over()) == []
    assert list(await subject.alerts.entries_due(EARLY)) == []


async def test_a_login_is_needed_until_the_order_it_is_for_was_due(subject: Subject) -> None:
    strategy_id = await subject.users.without_login()
    (needed,) = await subject.alerts.logins_needed(EARLY)
    assert (needed.strategy_id, needed.symbol, needed.due) == (strategy_id, "TCS", Due.BUY)
    assert (needed.due_at, needed.ends_at) == (BUYS_AT, None)
    assert list(await subject.alerts.logins_needed(BUYS_AT)) == []


async def test_an_entry_is_due_until_it_was_due(subject: Subject) -> None:
    strategy_id = await subject.users.without_login()
    (due,) = await subject.alerts.entries_due(EARLY)
    assert (due.strategy.strategy_id, due.strategy.symbol, due.plan.buy_at) == (strategy_id, "TCS", BUYS_AT)
    assert list(await subject.alerts.entries_due(BUYS_AT)) == []


async def test_shares_left_over_are_told_oldest_first(subject: Subject) -> None:
    first = await subject.users.with_left_over(10)
    second = await subject.users.with_left_over(4)
    found = await subject.alerts.left_over()
    assert [(one.strategy_id, one.quantity) for one in found] == [(first, 10), (second, 4)]
    assert {(one.symbol, one.exchange, one.product, one.detail) for one in found} == {
        ("TCS", "NSE", "CNC", "because")
    }


async def test_a_store_that_is_away_does_not_say_that_all_is_well() -> None:
    gone = Store.open(NOWHERE)
    for alerts in (MemoryOperatorAlerts(away=True), PostgresOperatorAlerts(gone)):
        with pytest.raises(StoreUnavailable):
            await alerts.logins_needed(EARLY)
        with pytest.raises(StoreUnavailable):
            await alerts.left_over()
        with pytest.raises(StoreUnavailable):
            await alerts.entries_due(EARLY)
    await gone.close()
