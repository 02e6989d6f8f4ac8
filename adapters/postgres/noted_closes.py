"""Stores the closes of series with absolute prices, on the series' own rows."""

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from adapters.postgres.engine import Store
from adapters.postgres.series_tables import SeriesRow
from adapters.postgres.starts import terms_of_row
from adapters.postgres.tables import StartRow, StrategyRow
from domain.adjusted_price import SHARES_OF, NotedClose, PricedSeries

NOT_AGAIN_FOR = timedelta(seconds=60)
"""How long a series that was taken is left alone: its account may need a moment, or a login."""
_ABSOLUTE = and_(
    StrategyRow.exchange.in_(SHARES_OF),
    or_(
        StrategyRow.stop_loss.is_not(None),
        StrategyRow.terms[("target", "price")].is_not(None),
        StrategyRow.terms[("entry", "price")].is_not(None),
    ),
)
_UNANSWERED = and_(SeriesRow.ended_at.is_(None), SeriesRow.asked_on.is_(None))


class PostgresNotedCloses:
    """Implements `domain.ports.NotedCloses`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take_to_note(self, day: date, most: int) -> Sequence[PricedSeries]:
        """Take at most `most` series whose close of `day` is not noted."""
        return await self._take(SeriesRow.close_day.is_distinct_from(day), most)

    async def take_to_compare(self, day: date, before: date, most: int) -> Sequence[PricedSeries]:
        """Take series whose close of `before` is noted, and which are not compared on `day` yet."""
        return await self._take(_is_uncompared(day, before), most)

    async def to_compare(self, series_id: UUID, day: date, before: date) -> PricedSeries | None:
        """Return a series that `take_to_compare` would take, whenever it was taken last; else None."""
        found = await self._read(and_(SeriesRow.series_id == series_id, _is_uncompared(day, before)))
        return found[0] if found else None

    async def note(self, series: PricedSeries, close: NotedClose) -> None:
        """Note a close in place of the one that was taken; an answer of the user that came between stands."""
        change = update(SeriesRow).where(_is_as_taken(series))
        async with self._store.work() as session:
            await session.execute(change.values(close_day=close.day, close_price=close.price))

    async def compared(self, series: PricedSeries, day: date, *, adjusted: bool) -> bool:
        """Write what comparing a series on `day` has come to; False where it was written before."""
        row = SeriesRow
        change = update(row).where(_is_as_taken(series), row.compared_on.is_distinct_from(day))
        change = change.values(compared_on=day, asked_on=day if adjusted else None)
        async with self._store.work() as session:
            return (await session.execute(change.returning(row.series_id))).first() is not None

    async def _take(self, due: ColumnElement[bool], most: int) -> Sequence[PricedSeries]:
        row = SeriesRow
        left_alone = row.close_asked_at > func.clock_timestamp() - NOT_AGAIN_FOR
        mine = (
            select(row.series_id)
            .join(StrategyRow, StrategyRow.strategy_id == row.strategy_id)
            .where(_UNANSWERED, _ABSOLUTE, due, or_(row.close_asked_at.is_(None), ~left_alone))
            .limit(most)
            .with_for_update(of=row, skip_locked=True)
        )
        change = update(row).where(row.series_id.in_(mine)).values(close_asked_at=func.clock_timestamp())
        async with self._store.work() as session:
            taken = list(await session.scalars(change.returning(row.series_id)))
        return await self._read(row.series_id.in_(taken)) if taken else ()

    async def _read(self, which: ColumnElement[bool]) -> list[PricedSeries]:
        query = (
            select(SeriesRow, StrategyRow, StartRow.account)
            .join(StrategyRow, StrategyRow.strategy_id == SeriesRow.strategy_id)
            .join(StartRow, StartRow.start_id == StrategyRow.start_id)
            .where(_UNANSWERED, _ABSOLUTE, which)
        )
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [_priced(series, strategy, account) for series, strategy, account in rows]


def _is_uncompared(day: date, before: date) -> ColumnElement[bool]:
    return and_(SeriesRow.close_day == before, SeriesRow.compared_on.is_distinct_from(day))


def _is_as_taken(series: PricedSeries) -> ColumnElement[bool]:
    """Select the series while its close is the one that was taken: an edit forgets it."""
    day = series.noted.day if series.noted is not None else None
    return and_(
        SeriesRow.series_id == series.series_id, _UNANSWERED, SeriesRow.close_day.is_not_distinct_from(day)
    )


def _priced(series: SeriesRow, strategy: StrategyRow, account: str) -> PricedSeries:
    noted = None
    if series.close_day is not None and series.close_price is not None:
        noted = NotedClose(series.close_day, series.close_price)
    return PricedSeries(series.series_id, terms_of_row(strategy), account, noted)
