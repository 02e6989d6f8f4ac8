"""Counts a user's running strategies, with those that were started and whose run has not begun yet."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.entries_due import ABOUT_TO_RUN

_RUNNING = text(
    """
SELECT
    (SELECT count(*) FROM strategies
     WHERE user_id = :user_id AND status = 'running' AND strategy_id <> :but)
    +
    (SELECT count(*) FROM (
        SELECT DISTINCT ON (starts.strategy_id) starts.strategy_id, starts.start_id
        FROM starts
        WHERE starts.user_id = :user_id AND NOT starts.sell_only AND starts.strategy_id <> :but
            AND starts.written_at > clock_timestamp() - CAST(:about_to_run AS interval)
        ORDER BY starts.strategy_id, starts.written_at DESC
     ) AS newest JOIN strategies USING (strategy_id)
     WHERE strategies.start_id IS DISTINCT FROM newest.start_id AND strategies.status <> 'running')
"""
)


async def running_beside(session: AsyncSession, user_id: UUID, but: UUID) -> int:
    """Return how many strategies of the user run or are about to, without `but`.

    After `entries_due` in the same unit of work, which keeps other STARTs of the user waiting: each counts
    those before it.
    """
    asked = {"user_id": user_id, "but": but, "about_to_run": ABOUT_TO_RUN}
    return int((await session.execute(_RUNNING, asked)).scalar_one())
