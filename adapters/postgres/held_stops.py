"""Says and reads in Postgres which held stops are watched: the view `stops_held` and functions beside it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from adapters.postgres.engine import Store
from domain.held_stop import HeldPrice, HeldStop

NAMED_TOGETHER = 1000
"""Stops named in one statement."""
MOST = 200
"""Unwatched stops of one look: the longest first."""
_NAME = text("SELECT stops_watched(CAST(:ids AS uuid[]))")
_RAISE = text("SELECT peaks_seen(CAST(:ids AS uuid[]), CAST(:prices AS numeric[]))")
_WANTED = text("SELECT strategy_id FROM prices_wanted")
_PRICES = text(
    "SELECT prices_seen(CAST(:ids AS uuid[]), CAST(:prices AS numeric[]), CAST(:ages AS double precision[]))"
)
_UNWATCHED = text(
    """
SELECT held.strategy_id, held.user_id, users.email, held.exchange, held.symbol, held.product, held.quantity,
    held.watched_at
FROM stops_held AS held JOIN users USING (user_id)
WHERE held.watched_at < clock_timestamp() - CAST(:longer_than AS interval)
ORDER BY held.watched_at, held.strategy_id LIMIT :most
"""
)
_LONGEST = text("SELECT longest_unwatched()")


class PostgresHeldStops:
    """Implements `domain.ports.HeldStops`. The listener's role names, the worker's reads, the API's asks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def name(self, strategy_ids: Collection[UUID]) -> None:
        """Say that these are watched now, a thousand a statement."""
        ids = sorted(strategy_ids)
        for start in range(0, len(ids), NAMED_TOGETHER):
            async with self._store.statement() as connection:
                await connection.execute(_NAME, {"ids": ids[start : start + NAMED_TOGETHER]})

    async def raise_peaks(self, peaks: Mapping[UUID, Decimal]) -> None:
        """Write how high prices were, a thousand a statement; a lower one than is known, never."""
        ids = sorted(peaks)
        for start in range(0, len(ids), NAMED_TOGETHER):
            some = ids[start : start + NAMED_TOGETHER]
            async with self._store.statement() as connection:
                await connection.execute(_RAISE, {"ids": some, "prices": [peaks[one] for one in some]})

    async def prices_wanted(self) -> frozenset[UUID]:
        """Return the strategies whose shares are to be priced: their accounts have a limit on the day."""
        async with self._store.statement() as connection:
            return frozenset(await connection.scalars(_WANTED))

    async def say_prices(self, prices: Mapping[UUID, HeldPrice]) -> None:
        """Write last prices and their ages, a thousand a statement; a newer one is not replaced."""
        ids = sorted(prices)
        for start in range(0, len(ids), NAMED_TOGETHER):
            some = ids[start : start + NAMED_TOGETHER]
            words = {
                "ids": some,
                "prices": [prices[one].price for one in some],
                "ages": [prices[one].age.total_seconds() for one in some],
            }
            async with self._store.statement() as connection:
                await connection.execute(_PRICES, words)

    async def unwatched(self, longer_than: timedelta) -> Sequence[HeldStop]:
        """Return the held stops that no listener has named for so long, the longest first."""
        async with self._store.statement() as connection:
            rows = (await connection.execute(_UNWATCHED, {"longer_than": longer_than, "most": MOST})).all()
        return [_held_stop(row) for row in rows]

    async def longest(self) -> timedelta | None:
        """Return how long ago the held stop was named that waits longest; None where none is held."""
        async with self._store.statement() as connection:
            age: timedelta | None = (await connection.execute(_LONGEST)).scalar_one()
        return age


def _held_stop(row: Row[Any]) -> HeldStop:
    return HeldStop(
        strategy_id=row.strategy_id,
        user_id=row.user_id,
        email=row.email,
        exchange=row.exchange,
        symbol=row.symbol,
        product=row.product,
        quantity=row.quantity,
        watched_at=row.watched_at,
    )
