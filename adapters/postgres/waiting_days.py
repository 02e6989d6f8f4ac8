"""Reads the single days that wait to buy, and adds lines to their timelines, for the operator's commands.

A day of a series is left out: it is planned anew, and says so itself.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.starts import start_of
from adapters.postgres.tables import EventRow, StartRow, StrategyRow
from domain.run import StartRun
from domain.strategy import Phase, Position, Status
from domain.timeline import EventKind


async def hold_waiting(session: AsyncSession, day: date) -> Sequence[StartRun]:
    """Return the STARTs that wait to buy on a day, and lock their strategies' rows."""
    query = (
        select(StartRow)
        .join(StrategyRow, StrategyRow.start_id == StartRow.start_id)
        .where(
            StrategyRow.status == Status.RUNNING.value,
            StrategyRow.phase == Phase.WAITING.value,
            StrategyRow.position == Position.NONE.value,
            StrategyRow.trading_day == day,
            StartRow.series_id.is_(None),
            ~StartRow.sell_only,
        )
        .order_by(StrategyRow.strategy_id)
        .with_for_update(of=StrategyRow)
    )
    return [start_of(row) for row in await session.scalars(query)]


async def say_of_days(session: AsyncSession, words: Mapping[UUID, tuple[UUID, str]]) -> None:
    """Add a line about the calendar for each strategy: its user, and the text."""
    lines = [
        {
            "user_id": user_id,
            "strategy_id": strategy_id,
            "kind": EventKind.CALENDAR.value,
            "phase": Phase.WAITING.value,
            "text": text,
            "once": f"calendar:{uuid4()}",  # a day may be closed, opened, and closed again
        }
        for strategy_id, (user_id, text) in words.items()
    ]
    if lines:
        await session.execute(insert(EventRow), lines)
