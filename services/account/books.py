"""Read a user's books: their finished rounds, with what each cost."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.books import Books
from adapters.postgres.engine import Store
from adapters.postgres.isins import seen_isins
from adapters.postgres.strategies import Spot
from domain.books import Booked, booked
from domain.finished_round import FinishedRound
from domain.isin import isin_on

AT_ONCE = timedelta(days=31)
"""A report is read so many days at a time, however long it is: a month of rounds is in memory."""


@dataclass(frozen=True, slots=True)
class Period:
    """Trading days, both included; None is no bound."""

    first: date | None = None
    last: date | None = None


class BookLine(NamedTuple):
    """A finished round, and its place in a list of the newest first."""

    booked: Booked
    spot: Spot


@dataclass(frozen=True, slots=True)
class BookReader:
    """Reads the books of users."""

    store: Store

    async def page(
        self,
        user_id: UUID,
        limit: int,
        after: Spot | None,
        *,
        strategy_id: UUID | None = None,
        period: Period = Period(),
    ) -> Sequence[BookLine]:
        """Return at most `limit` finished rounds, the newest first, from `after` on."""
        async with self.store.read(user_id) as session:
            books = Books(session, user_id)
            found = await books.page(limit, after, strategy_id, period.first, period.last)
            lines = await _booked(books, found)
        return [BookLine(one, Spot(one.round.ended_at, one.round.row_id)) for one in lines]

    async def report(self, user_id: UUID, period: Period) -> AsyncIterator[Sequence[Booked]]:
        """Yield the finished rounds of a period, the oldest first, a month at a time."""
        async with self.store.read(user_id) as session:
            span = await Books(session, user_id).span(period.first, period.last)
        if span is None:
            return
        first, last = span
        while first <= last:
            until = min(first + AT_ONCE - timedelta(days=1), last)
            async with self.store.read(user_id) as session:
                books = Books(session, user_id)
                found = await _booked(books, await books.between(first, until))
                found = await _with_isins(session, found)
            if found:
                yield found
            first = until + timedelta(days=1)


async def last_days(
    session: AsyncSession, user_id: UUID, strategy_ids: Collection[UUID]
) -> dict[UUID, Booked]:
    """Return the last finished round of each of these strategies that has one, with its charges."""
    books = Books(session, user_id)
    newest = await books.newest(strategy_ids)
    return {one.round.key.strategy_id: one for one in await _booked(books, list(newest.values()))}


async def _with_isins(session: AsyncSession, found: Sequence[Booked]) -> list[Booked]:
    """Return rounds with the ISIN of each, as of the last day on which it traded."""
    seen = await seen_isins(session, {one.round.share for one in found})
    return [replace(one, isin=isin_on(_last_day(one.round), seen.get(one.round.share, ()))) for one in found]


def _last_day(found: FinishedRound) -> date:
    return found.days[-1] if found.days else found.key.trading_day


async def _booked(books: Books, found: Sequence[FinishedRound]) -> list[Booked]:
    return booked(found, await books.beside(found))
