"""Keeps the ISINs of shares by exchange and symbol: the worker learns them, reports read them."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.engine import Store
from adapters.postgres.isin_tables import IsinRow
from domain.held_shares import Share
from domain.isin import SeenIsin

# A reading of an earlier day that is written late moves the first day back, and the last one nowhere.
_LEARN = text(
    """
INSERT INTO isins (exchange, symbol, isin, first_seen, last_seen)
SELECT exchange, symbol, isin, :day, :day
FROM unnest(CAST(:exchanges AS text[]), CAST(:symbols AS text[]), CAST(:isins AS text[]))
    AS seen (exchange, symbol, isin)
ORDER BY 1, 2, 3
ON CONFLICT (exchange, symbol, isin) DO UPDATE
SET first_seen = least(isins.first_seen, excluded.first_seen),
    last_seen = greatest(isins.last_seen, excluded.last_seen)
WHERE isins.first_seen > excluded.first_seen OR isins.last_seen < excluded.last_seen
"""
)


class PostgresIsins:
    """Implements `domain.ports.Isins`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def learn(self, seen: Mapping[Share, str], day: date) -> None:
        """Note the ISINs that holdings showed on a day; another one of a symbol stands beside the old one."""
        words = {
            "day": day,
            "exchanges": [exchange for exchange, _ in seen],
            "symbols": [symbol for _, symbol in seen],
            "isins": list(seen.values()),
        }
        async with self._store.statement() as connection:
            await connection.execute(_LEARN, words)


async def seen_isins(session: AsyncSession, shares: Collection[Share]) -> Mapping[Share, Sequence[SeenIsin]]:
    """Return all ISINs that are known of these shares; absent is one of which none was ever seen."""
    found: defaultdict[Share, list[SeenIsin]] = defaultdict(list)
    row = IsinRow
    query = select(row).where(tuple_(row.exchange, row.symbol).in_(shares))
    for one in await session.scalars(query):
        found[one.exchange, one.symbol].append(SeenIsin(one.isin, one.first_seen, one.last_seen))
    return found
