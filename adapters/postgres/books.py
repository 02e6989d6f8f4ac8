"""Reads the books: the finished rounds of one user."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.book_tables import FinishedRoundRow
from adapters.postgres.strategies import Spot
from domain.finished_round import FinishedRound, RoundKey, Trade
from domain.order import Side
from domain.strategy import Outcome, Product

_SAME = (
    *("row_id", "account", "exchange", "symbol", "outcome_detail", "quantity", "sold", "outside"),
    *("entry_price", "exit_price", "entry_lateness_ms", "exit_lateness_ms", "ended_at"),
)
"""Columns a round shows as they are."""


class Books:
    """One user's finished rounds. `first` and `last` are trading days, both included; None is no bound."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def page(
        self,
        limit: int,
        after: Spot | None = None,
        strategy_id: UUID | None = None,
        first: date | None = None,
        last: date | None = None,
    ) -> list[FinishedRound]:
        """Return at most `limit` rounds, the newest first, from `after` on."""
        row = FinishedRoundRow
        statement = select(row).where(*self._between(first, last))
        if strategy_id is not None:
            statement = statement.where(row.strategy_id == strategy_id)
        if after is not None:
            statement = statement.where(tuple_(row.ended_at, row.row_id) < (after.created_at, after.row_id))
        statement = statement.order_by(row.ended_at.desc(), row.row_id.desc()).limit(limit)
        return [finished_round_of(found) for found in await self._session.scalars(statement)]

    async def between(self, first: date, last: date) -> list[FinishedRound]:
        """Return the rounds of some trading days, the oldest first."""
        row = FinishedRoundRow
        statement = select(row).where(*self._between(first, last))
        statement = statement.order_by(row.trading_day, row.ended_at, row.row_id)
        return [finished_round_of(found) for found in await self._session.scalars(statement)]

    async def beside(self, rounds: Sequence[FinishedRound]) -> list[FinishedRound]:
        """Return every round that traded in the symbols of these, on their days: they share charges."""
        days = {day for found in rounds for day in found.days}
        if not days:
            return []
        row = FinishedRoundRow
        statement = select(row).where(
            row.user_id == self._user_id,
            row.last_day >= min(days),
            row.first_day <= max(days),
            row.symbol.in_({found.symbol for found in rounds}),
        )
        return [finished_round_of(found) for found in await self._session.scalars(statement)]

    async def newest(self, strategy_ids: Collection[UUID]) -> Mapping[UUID, FinishedRound]:
        """Return the last finished round of each strategy that has one."""
        row = FinishedRoundRow
        statement = (
            select(row)
            .where(row.user_id == self._user_id, row.strategy_id.in_(strategy_ids))
            .ext(distinct_on(row.strategy_id))
            .order_by(row.strategy_id, row.trading_day.desc(), row.round.desc())
        )
        return {
            found.strategy_id: finished_round_of(found) for found in await self._session.scalars(statement)
        }

    async def span(self, first: date | None, last: date | None) -> tuple[date, date] | None:
        """Return the first and the last trading day that the books have within bounds; None without any."""
        day = FinishedRoundRow.trading_day
        query = select(func.min(day), func.max(day)).where(*self._between(first, last))
        begins, ends = (await self._session.execute(query)).one()
        return None if begins is None else (begins, ends)

    def _between(self, first: date | None, last: date | None) -> list[ColumnElement[bool]]:
        row = FinishedRoundRow
        bounds = [row.user_id == self._user_id]
        if first is not None:
            bounds.append(row.trading_day >= first)
        if last is not None:
            bounds.append(row.trading_day <= last)
        return [and_(*bounds)]


def finished_round_of(row: FinishedRoundRow) -> FinishedRound:
    """Return a row of the books as the domain has it."""
    same: dict[str, Any] = {name: getattr(row, name) for name in _SAME}
    return FinishedRound(
        key=RoundKey(row.strategy_id, row.trading_day, row.round),
        product=Product(row.product),
        outcome=Outcome(row.outcome),
        trades=tuple(map(_trade, row.trades)),
        **same,
    )


def _trade(written: Mapping[str, Any]) -> Trade:
    price = written["price"]
    return Trade(
        Side(written["side"]),
        int(written["quantity"]),
        None if price is None else Decimal(price),
        date.fromisoformat(written["day"]),
    )
