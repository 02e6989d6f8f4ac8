"""What every store of ISINs promises: the one in Postgres and the one in memory."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.isins import PostgresIsins, seen_isins
from domain.errors import StoreUnavailable
from domain.held_shares import Share
from domain.isin import SeenIsin
from domain.ports import Isins
from tests.fakes.isins import MemoryIsins

OLD, NEW = "INE467B01029", "INE009A01021"
MONDAY, TUESDAY, FRIDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 27)


@dataclass(frozen=True, slots=True)
class Subject:
    """A store of ISINs, and what it knows of a share. Others may live in the same store."""

    isins: Isins
    known: Callable[[Share], Awaitable[Sequence[SeenIsin]]]
    share: Share


@pytest.fixture
def in_memory() -> Subject:
    isins = MemoryIsins()

    async def known(share: Share) -> Sequence[SeenIsin]:
        return isins.of(share)

    return Subject(isins, known, ("NSE", "TCS"))


@pytest.fixture
def in_postgres(store: Store) -> Subject:
    async def known(share: Share) -> Sequence[SeenIsin]:
        async with store.read() as session:
            return (await seen_isins(session, {share})).get(share, ())

    return Subject(PostgresIsins(store), known, ("NSE", uuid4().hex[:12].upper()))


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_what_no_holdings_have_shown_is_not_known(subject: Subject) -> None:
    assert list(await subject.known(subject.share)) == []


async def test_an_isin_is_seen_from_its_first_day_to_its_last(subject: Subject) -> None:
    for day in (TUESDAY, MONDAY, FRIDAY, TUESDAY):
        await subject.isins.learn({subject.share: OLD}, day)
    assert list(await subject.known(subject.share)) == [SeenIsin(OLD, MONDAY, FRIDAY)]


async def test_another_isin_of_a_symbol_stands_beside_the_old_one(subject: Subject) -> None:
    await subject.isins.learn({subject.share: OLD}, MONDAY)
    await subject.isins.learn({subject.share: NEW, ("BSE", subject.share[1]): NEW}, FRIDAY)
    known = sorted(await subject.known(subject.share), key=lambda one: one.first_seen)
    assert known == [SeenIsin(OLD, MONDAY, MONDAY), SeenIsin(NEW, FRIDAY, FRIDAY)]


async def test_a_store_that_is_away_says_so() -> None:
    gone = Store.open("postgresql://nobody:nothing@127.0.0.1:1/nowhere")
    for isins in (MemoryIsins(down=True), PostgresIsins(gone)):
        with pytest.raises(StoreUnavailable):
            await isins.learn({("NSE", "TCS"): OLD}, MONDAY)
