"""What every record of the reconciler's rounds promises: the one in Postgres and the one in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.watchers import Watchers
from domain.errors import StoreUnavailable
from domain.ports import Rounds
from tests.fakes.rounds import MemoryRounds
from tests.store_rows import NOWHERE


@dataclass(frozen=True, slots=True)
class Subject:
    """A record of rounds, and whether it shows one."""

    rounds: Rounds
    shows_one: Callable[[], Awaitable[bool]]


@pytest.fixture
def in_memory() -> Subject:
    rounds = MemoryRounds()

    async def shows_one() -> bool:
        return rounds.ended > 0

    return Subject(rounds, shows_one)


@pytest.fixture
def in_postgres(store: Store) -> Subject:
    rounds = Watchers(store)

    async def shows_one() -> bool:
        return await rounds.round_age() is not None

    return Subject(rounds, shows_one)


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_a_round_is_shown_once_it_has_ended(subject: Subject) -> None:
    assert not await subject.shows_one()
    for _ in range(2):
        await subject.rounds.round_ended()
        assert await subject.shows_one()


async def test_a_round_that_cannot_be_written_down_raises() -> None:
    gone = Store.open(NOWHERE)
    for rounds in (MemoryRounds(away=True), Watchers(gone)):
        with pytest.raises(StoreUnavailable):
            await rounds.round_ended()
    await gone.close()
