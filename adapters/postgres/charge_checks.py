"""Takes finished rounds by turns for the check of their charges, and notes which were checked.

A round is taken by one worker, counted as tried in the same statement. All instants are by Postgres' clock.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import exists, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.book_tables import FinishedRoundRow
from adapters.postgres.books import finished_round_of
from adapters.postgres.engine import Store
from domain.charge_check import AGAIN, TRIES, AccountRounds
from domain.finished_round import FinishedRound, RoundKey

_TAKE = text(
    """
WITH due AS (
    SELECT DISTINCT user_id, account FROM strategy_days
    WHERE last_day = :day AND charges_agree IS NULL AND charge_tries < :tries
        AND (charge_tried_at IS NULL OR charge_tried_at < statement_timestamp() - CAST(:again AS interval))
    ORDER BY 1, 2 LIMIT :most
)
UPDATE strategy_days SET charge_tries = charge_tries + 1, charge_tried_at = clock_timestamp()
WHERE (strategy_id, trading_day, round) IN (
    SELECT strategy_id, trading_day, round FROM strategy_days JOIN due USING (user_id, account)
    WHERE last_day = :day AND charges_agree IS NULL AND charge_tries < :tries
        AND (charge_tried_at IS NULL OR charge_tried_at < statement_timestamp() - CAST(:again AS interval))
    ORDER BY 1, 2, 3 FOR UPDATE OF strategy_days SKIP LOCKED
)
RETURNING user_id, account, strategy_id, trading_day, round
"""
)
_Account = tuple[UUID, str]


class PostgresChargeChecks:
    """Implements `domain.ports.ChargeChecks`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, day: date, most: int) -> Sequence[AccountRounds]:
        """Take the unchecked rounds of at most `most` accounts, each for this caller alone; that is a try."""
        words = {"day": day, "most": most, "tries": TRIES, "again": AGAIN}
        taken: defaultdict[_Account, set[RoundKey]] = defaultdict(set)
        async with self._store.work() as session:
            for row in await session.execute(_TAKE, words):
                taken[row.user_id, row.account].add(RoundKey(row.strategy_id, row.trading_day, row.round))
            rounds = await _traded(session, day, taken) if taken else {}
        return [
            AccountRounds(*account, day, tuple(rounds[account]), frozenset(keys))
            for account, keys in taken.items()
        ]

    async def differed(self, day: date) -> bool:
        """Tell whether charges of that day were found to differ already."""
        row = FinishedRoundRow
        query = select(exists().where(row.last_day == day, row.charges_agree.is_(False)))
        async with self._store.read() as session:
            return bool(await session.scalar(query))

    async def write(self, keys: Collection[RoundKey], *, agrees: bool) -> None:
        """Note that rounds were checked: they are not taken again."""
        row = FinishedRoundRow
        named = tuple_(row.strategy_id, row.trading_day, row.round).in_(keys)
        async with self._store.work() as session:
            await session.execute(update(row).where(named).values(charges_agree=agrees))


async def _traded(
    session: AsyncSession, day: date, accounts: Collection[_Account]
) -> dict[_Account, list[FinishedRound]]:
    """Return the rounds of some accounts that traded on a day: they share its charges."""
    row = FinishedRoundRow
    query = select(row).where(
        tuple_(row.user_id, row.account).in_(accounts), row.first_day <= day, row.last_day >= day
    )
    found: defaultdict[_Account, list[FinishedRound]] = defaultdict(list)
    for one in await session.scalars(query):
        found[one.user_id, one.account].append(finished_round_of(one))
    return found
