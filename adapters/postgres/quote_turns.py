"""Grants turns to ask the broker for prices, and shares the answers: one row per account, over all processes.

Concurrent calls in one process share one statement. All instants are by Postgres' clock; a turn further ahead
than any can last counts as free: the clock was set back.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row, TextClause, text

from adapters.postgres.engine import Store
from adapters.postgres.write_batcher import Batcher
from domain.ports import Clock, QuoteTurns
from domain.quote import Quote
from domain.quote_turns import BETWEEN, HELD_FOR, NEEDED_WITHIN, SHARED_FOR, Asker, Told, Turn

GATHER = 0.02
"""Seconds in which those that want a turn find one another: a thousand are some hundred statements then."""
GATHER_LOOKS = 0.005
UNHEARD_OF = timedelta(seconds=5)
_AGAIN = 0.05
"""Seconds until another try, where a row was made by another process in this very moment."""

# The arrays come from subqueries, so that the planner does not know their length: it keeps its plan.
# Rows are locked in the order of their names, so that two processes' groups never wait for each other.
_TAKE = text(
    """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest((SELECT CAST(:accounts AS text[])), CAST(:users AS uuid[]))
        AS asked (account, user_id)
), taken AS (
    INSERT INTO quote_turns AS held (account, turn, free_at)
    SELECT asked.account, 1, clock_timestamp() + CAST(:held_for AS interval) FROM asked ORDER BY asked.account
    ON CONFLICT (account) DO UPDATE
    SET turn = held.turn + 1, free_at = clock_timestamp() + CAST(:held_for AS interval)
    WHERE held.free_at <= clock_timestamp()
        OR held.free_at > clock_timestamp() + CAST(:unheard_of AS interval)
    RETURNING held.account, held.turn
), needed AS (
    SELECT asked.account, array_agg(DISTINCT orders.exchange || ':' || orders.symbol) AS names
    FROM asked JOIN taken USING (account) JOIN orders ON orders.user_id = asked.user_id
    WHERE orders.held_by IS NOT NULL AND orders.status = 'planned' AND orders.leg = 'entry'
        AND orders.due_at > statement_timestamp() - CAST(:needed_within AS interval)
        AND orders.due_at < statement_timestamp() + CAST(:needed_within AS interval)
    GROUP BY asked.account
)
SELECT asked.account, taken.turn AS mine, needed.names, held.login, held.prices,
    extract(epoch FROM held.free_at - clock_timestamp()) AS remains,
    extract(epoch FROM clock_timestamp() - held.heard_at) AS age
FROM asked LEFT JOIN taken USING (account) LEFT JOIN needed USING (account)
    LEFT JOIN quote_turns AS held USING (account)
"""
)
_LOOK = text(
    """
SELECT held.account, held.login, held.prices,
    extract(epoch FROM held.free_at - clock_timestamp()) AS remains,
    extract(epoch FROM clock_timestamp() - held.heard_at) AS age
FROM quote_turns AS held WHERE held.account = ANY(CAST(:accounts AS text[]))
"""
)
# A turn that has become another's is not given back, and what was heard in it is not shared.
_GIVE_BACK = text(
    """
WITH back AS MATERIALIZED (
    SELECT * FROM unnest(
        (SELECT CAST(:accounts AS text[])), CAST(:numbers AS bigint[]), CAST(:logins AS text[]),
        CAST(:after AS float8[]), CAST(:prices AS text[])
    ) AS back (account, turn, login, heard_after, prices)
), locked AS MATERIALIZED (
    SELECT held.account FROM quote_turns AS held JOIN back USING (account, turn)
    ORDER BY held.account FOR NO KEY UPDATE OF held
)
UPDATE quote_turns AS held
SET free_at = clock_timestamp() + CAST(:between AS interval), login = back.login,
    heard_at = held.free_at - CAST(:held_for AS interval) + make_interval(secs => back.heard_after),
    prices = CAST(back.prices AS jsonb)
FROM back JOIN locked USING (account) WHERE held.account = back.account
"""
)


@dataclass(frozen=True, slots=True)
class _Back:
    """A turn that is given back."""

    turn: Turn
    heard_after: float
    prices: Mapping[str, Quote]


class PostgresQuoteTurns(QuoteTurns):
    """Implements `domain.ports.QuoteTurns`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._takes: Batcher[Asker, Turn | Told] = Batcher(self._take, gather=GATHER)
        self._looks: Batcher[Asker, Told] = Batcher(self._look, lanes=1, gather=GATHER_LOOKS)
        self._backs: Batcher[_Back, None] = Batcher(self._write_back, gather=GATHER_LOOKS)

    async def take(self, asker: Asker) -> Turn | Told:
        """Take the account's turn if it is free; else return what `look` returns."""
        return await self._takes.add(asker)

    async def look(self, asker: Asker) -> Told:
        """Return how long the turn lasts and the last answer, taking nothing."""
        return await self._looks.add(asker)

    async def give_back(self, turn: Turn, heard_after: float, prices: Mapping[str, Quote]) -> None:
        """End the turn `BETWEEN` from now, and share the answer."""
        await self._backs.add(_Back(turn, heard_after, prices))

    async def _take(self, askers: Sequence[Asker], wait: bool) -> list[Turn | Told]:
        # Two users with one account: one of them asks, the other has a turn of its own.
        first = {asker.account: asker for asker in reversed(askers)}
        words = {
            "accounts": list(first),
            "users": [asker.user_id for asker in first.values()],
            "held_for": HELD_FOR,
            "unheard_of": UNHEARD_OF,
            "needed_within": NEEDED_WITHIN,
        }
        rows = await self._rows(_TAKE, words)
        return [self._turn(asker, rows[asker.account], first[asker.account] is asker) for asker in askers]

    async def _look(self, askers: Sequence[Asker], wait: bool) -> list[Told]:
        rows = await self._rows(_LOOK, {"accounts": [asker.account for asker in askers]})
        return [self._told(asker, rows.get(asker.account)) for asker in askers]

    async def _write_back(self, backs: Sequence[_Back], wait: bool) -> list[None]:
        words = {
            "accounts": [back.turn.asker.account for back in backs],
            "numbers": [back.turn.number for back in backs],
            "logins": [back.turn.asker.login for back in backs],
            "after": [back.heard_after for back in backs],
            "prices": [_packed(back.prices) for back in backs],
            "between": BETWEEN,
            "held_for": HELD_FOR,
        }
        async with self._store.statement() as connection:
            await connection.execute(_GIVE_BACK, words)
        return [None for _ in backs]

    async def _rows(self, statement: TextClause, words: Mapping[str, Any]) -> dict[str, Row[Any]]:
        async with self._store.statement() as connection:
            return {row.account: row for row in await connection.execute(statement, words)}

    def _turn(self, asker: Asker, row: Row[Any], is_first: bool) -> Turn | Told:
        if row.mine is not None and is_first:
            return Turn(asker, row.mine, tuple(row.names or ()))
        if row.mine is not None:
            return Told(HELD_FOR.total_seconds())
        return self._told(asker, row)

    def _told(self, asker: Asker, row: Row[Any] | None) -> Told:
        """Return the prices that may be used: of this login, and less than a second old."""
        if row is None or row.remains is None:
            return Told(_AGAIN)
        remains = max(float(row.remains), 0.0)
        if row.login != asker.login or row.age is None:
            return Told(remains)
        age = float(row.age)
        if not 0 <= age < SHARED_FOR.total_seconds():
            return Told(remains)
        return Told(remains, age, _unpacked(row.prices, self._clock.now() - timedelta(seconds=age)))


def _packed(prices: Mapping[str, Quote]) -> str:
    return json.dumps(
        {
            name: [_words(price) for price in (quote.last_price, quote.lower_circuit, quote.upper_circuit)]
            for name, quote in prices.items()
        }
    )


def _unpacked(prices: Mapping[str, Sequence[str | None]], seen_at: datetime) -> dict[str, Quote]:
    return {
        name: Quote(Decimal(str(last)), _number(lower), _number(upper), seen_at)
        for name, (last, lower, upper, *_) in prices.items()  # a newer build may say more
    }


def _words(price: Decimal | None) -> str | None:
    return None if price is None else str(price)


def _number(words: str | None) -> Decimal | None:
    return None if words is None else Decimal(words)
