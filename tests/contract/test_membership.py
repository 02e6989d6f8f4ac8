"""What every list of living listeners promises: the one in Postgres and the one in memory."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.membership import PostgresMembers
from adapters.process.clock import SystemClock
from domain.errors import StoreUnavailable
from domain.ports import ListenerState, Membership
from tests.fakes.feed import MemoryMembers

NOWHERE = "postgresql://127.0.0.1:1/nowhere"


@pytest.fixture
def in_postgres(store: Store) -> PostgresMembers:
    return PostgresMembers(store, answer_seconds=30)


@pytest.fixture
async def away() -> AsyncIterator[PostgresMembers]:
    gone = Store.open(NOWHERE)
    yield PostgresMembers(gone)
    await gone.close()


@pytest.fixture
def in_memory() -> MemoryMembers:
    return MemoryMembers(SystemClock())


@pytest.fixture(params=["in_memory", "in_postgres"])
def members(request: pytest.FixtureRequest) -> Membership:
    found: Membership = request.getfixturevalue(request.param)
    return found


async def test_who_renews_sees_itself_and_all_others_that_live(members: Membership) -> None:
    assert await members.renew("one", ListenerState.JOINING, 30) == {"one": ListenerState.JOINING}
    both = {"one": ListenerState.JOINING, "two": ListenerState.READY}
    assert await members.renew("two", ListenerState.READY, 30) == both


async def test_the_newest_standing_counts(members: Membership) -> None:
    await members.renew("one", ListenerState.JOINING, 30)
    assert await members.renew("one", ListenerState.LEAVING, 30) == {"one": ListenerState.LEAVING}


async def test_who_leaves_is_gone_at_once_and_may_leave_twice(members: Membership) -> None:
    await members.renew("one", ListenerState.READY, 30)
    await members.leave("one")
    await members.leave("one")
    assert await members.renew("two", ListenerState.READY, 30) == {"two": ListenerState.READY}


async def test_a_lease_that_is_not_renewed_ends(members: Membership) -> None:
    await members.renew("one", ListenerState.READY, 0.05)
    async with asyncio.timeout(10):
        while "one" in await members.renew("two", ListenerState.READY, 30):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_no_listener_counts_as_dead_when_the_leases_cannot_be_read(
    in_memory: MemoryMembers, away: PostgresMembers
) -> None:
    in_memory.away = True
    for members in (in_memory, away):
        with pytest.raises(StoreUnavailable):
            await members.renew("one", ListenerState.READY, 30)
        with pytest.raises(StoreUnavailable):
            await members.leave("one")
