"""Reads which of a user's entries are due about one instant: those that run, and STARTs that are about to."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from domain.entry_turns import A_MINUTE

ABOUT_TO_RUN = timedelta(seconds=60)
"""A START that was written down so recently may have its run begin yet."""
_ONE_AFTER_THE_OTHER = text("SELECT pg_advisory_xact_lock(hashtextextended(:user_id, 1))")
_DUE = text(
    """
SELECT strategies.buy_at FROM strategies
WHERE strategies.user_id = :user_id AND strategies.status = 'running' AND strategies.strategy_id <> :but
    AND strategies.buy_at > CAST(:due_at AS timestamptz) - CAST(:a_minute AS interval)
    AND strategies.buy_at <= :due_at
UNION ALL
SELECT newest.buy_at FROM (
    SELECT DISTINCT ON (starts.strategy_id) starts.strategy_id, starts.start_id,
        CAST(starts.plan ->> 'buy_at' AS timestamptz) AS buy_at
    FROM starts
    WHERE starts.user_id = :user_id AND NOT starts.sell_only AND starts.strategy_id <> :but
        AND starts.written_at > clock_timestamp() - CAST(:about_to_run AS interval)
    ORDER BY starts.strategy_id, starts.written_at DESC
) AS newest JOIN strategies USING (strategy_id)
WHERE strategies.start_id IS DISTINCT FROM newest.start_id
    AND newest.buy_at > CAST(:due_at AS timestamptz) - CAST(:a_minute AS interval)
    AND newest.buy_at <= :due_at
"""
)


async def entries_due(session: AsyncSession, user_id: UUID, due_at: datetime, but: UUID) -> list[datetime]:
    """Return the instants of the user's other entries due in the minute before `due_at`, or with it.

    Until the unit of work ends, no other START of the user reads them: each counts those before it.
    """
    await session.execute(_ONE_AFTER_THE_OTHER, {"user_id": str(user_id)})
    return await entries_seen(session, user_id, due_at, but)


async def entries_seen(session: AsyncSession, user_id: UUID, due_at: datetime, but: UUID) -> list[datetime]:
    """Return the same as they are now; STARTs may come between."""
    found = await session.scalars(
        _DUE,
        {
            "user_id": user_id,
            "but": but,
            "due_at": due_at,
            "a_minute": A_MINUTE,
            "about_to_run": ABOUT_TO_RUN,
        },
    )
    return list(found)
