"""Grants turns to read an account, in the row of its quote turns; all instants are by Postgres' clock."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.write_batcher import Batcher
from domain.ports import ReadTurns
from domain.read_turns import APART, TURNS_AT_ONCE, WITHIN

_OUT_OF_REACH = timedelta(seconds=5)
"""A turn so far ahead was given before the clock was set back."""

# As a generic cell rate: `reads_from` is where the next turn would be, were none given at once. Rows are
# locked in the order of their names, as those of quote turns are.
_TAKE = text(
    """
INSERT INTO quote_turns AS held (account, turn, free_at, reads_from)
SELECT account, 0, clock_timestamp(), clock_timestamp() + CAST(:apart AS interval)
FROM unnest((SELECT CAST(:accounts AS text[]))) AS asked (account) ORDER BY account
ON CONFLICT (account) DO UPDATE SET reads_from = CAST(:apart AS interval) + CASE
    WHEN held.reads_from < clock_timestamp() + CAST(:unheard_of AS interval)
    THEN greatest(held.reads_from, clock_timestamp()) ELSE clock_timestamp() END
WHERE held.reads_from IS NULL
    OR held.reads_from <= clock_timestamp() + CAST(:spare AS interval) + CAST(:within AS interval)
    OR held.reads_from >= clock_timestamp() + CAST(:unheard_of AS interval)
RETURNING held.account,
    extract(epoch FROM held.reads_from - clock_timestamp() - CAST(:spare AS interval)
        - CAST(:apart AS interval)) AS wait
"""
)


class PostgresReadTurns(ReadTurns):
    """Implements `domain.ports.ReadTurns`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._takes: Batcher[str, float | None] = Batcher(self._take, lanes=1)

    async def take(self, account: str) -> float | None:
        """Take the account's next turn: the seconds until it comes. None: it is too far ahead, ask again."""
        return await self._takes.add(account)

    async def _take(self, accounts: Sequence[str], wait: bool) -> list[float | None]:
        words = {
            "accounts": list(dict.fromkeys(accounts)),
            "apart": APART,
            "spare": (TURNS_AT_ONCE - 1) * APART,
            "within": WITHIN,
            "unheard_of": _OUT_OF_REACH,
        }
        async with self._store.statement() as connection:
            waits = {row.account: max(0.0, float(row.wait)) for row in await connection.execute(_TAKE, words)}
        return [waits.pop(account, None) for account in accounts]  # of several askers one has the turn
