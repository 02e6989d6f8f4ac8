"""What all accounts of users promise: Kite's with stored logins, and the ones in memory."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from adapters.kite.brokers import RECHECK_SECONDS, KiteBrokers
from adapters.kite.connection_pool import ConnectionPool
from domain.errors import AccountNotConnected, LoginNeeded
from domain.ports import Brokers
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.credentials import MemoryCredentials
from tests.fakes.manual_clock import ManualClock

A, B = "zerodha:AB1234", "zerodha:XY9999"


@dataclass(frozen=True, slots=True)
class Subject:
    """The accounts, and what logs their user in at one of the two."""

    brokers: Brokers
    log_in: Callable[[UUID, str], Awaitable[None]]
    user_id: UUID = field(default_factory=uuid4)


@pytest.fixture
def in_memory() -> Subject:
    clock = ManualClock()
    brokers = MemoryBrokers(MemoryBroker(clock), logged_in=False)

    async def log_in(user_id: UUID, account: str) -> None:
        brokers.log_in(MemoryBroker(clock), account)

    return Subject(brokers, log_in)


@pytest.fixture
def of_kite() -> Iterator[Subject]:
    pool, clock, stored = ConnectionPool(), ManualClock(), MemoryCredentials()
    brokers = KiteBrokers(stored, "http://127.0.0.1:1", clock, pool)

    async def log_in(user_id: UUID, account: str) -> None:
        stored.log_in(user_id, uuid4().hex, account)
        await clock.advance(RECHECK_SECONDS)

    yield Subject(brokers, log_in)
    brokers.close()
    pool.close()


@pytest.fixture(params=["in_memory", "of_kite"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_the_connected_account_is_opened_by_its_name_and_without(subject: Subject) -> None:
    await subject.log_in(subject.user_id, A)
    named = await subject.brokers.of(subject.user_id, A)
    assert await subject.brokers.of(subject.user_id, "") is named
    assert await subject.brokers.of(subject.user_id, A) is named


async def test_no_other_account_is_opened_in_place_of_an_orders_own(subject: Subject) -> None:
    await subject.log_in(subject.user_id, B)
    with pytest.raises(AccountNotConnected):
        await subject.brokers.of(subject.user_id, A)
    assert await subject.brokers.of(subject.user_id, B)


async def test_a_dead_login_is_refused_until_the_next_one(subject: Subject) -> None:
    await subject.log_in(subject.user_id, A)
    dead = await subject.brokers.of(subject.user_id, A)
    await subject.brokers.login_died(subject.user_id, dead)
    for account in (A, ""):
        with pytest.raises(LoginNeeded):
            await subject.brokers.of(subject.user_id, account)
    with pytest.raises(AccountNotConnected):
        await subject.brokers.of(subject.user_id, B)
    await subject.log_in(subject.user_id, A)
    assert await subject.brokers.of(subject.user_id, A) is not dead


async def test_a_late_word_of_an_old_logins_death_leaves_the_new_one(subject: Subject) -> None:
    await subject.log_in(subject.user_id, A)
    old = await subject.brokers.of(subject.user_id, A)
    await subject.log_in(subject.user_id, A)
    new = await subject.brokers.of(subject.user_id, A)
    await subject.brokers.login_died(subject.user_id, old)
    assert await subject.brokers.of(subject.user_id, A) is new
