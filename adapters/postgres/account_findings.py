"""Reads what strategies hold in an account, and writes on them what the account showed."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text

from adapters.postgres.engine import Store
from adapters.postgres.tables import IN_FLIGHT, StrategyRow
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from domain.account_alerts import difference_line, noted
from domain.account_state import AccountState, Claim, Finding, Noted, WaitingEntry
from domain.account_watch import BEFORE_ENTRY, LEFT_ALONE, WATCHED_AFTER
from domain.order import Leg, LegKey, OrderTerms
from domain.ports import ReadTurn
from domain.strategy import Position, Product, Status
from domain.timeline import EventKind

# In the order of purchase, as `adapters.postgres.other_claims` has them. Kept shares are the user's own.
_CLAIMS_SQL = """
SELECT mine.strategy_id, mine.user_id, mine.start_id, mine.exchange, mine.symbol, mine.product, mine.status,
    mine.bought_quantity, mine.sold_quantity, greatest(mine.sold_quantity, lately.quantity) AS sold_in_all,
    mine.baseline, mine.baseline_holdings,
    mine.missing_quantity, mine.missing_note, mine.oversold_quantity,
    mine.position = 'bought' AND NOT mine.kept AS holds,
    (
        SELECT coalesce(sum(other.bought_quantity - other.sold_quantity), 0) FROM strategies AS other
        WHERE mine.missing_quantity > 0 AND other.bought_at > mine.missing_since
            AND other.user_id = mine.user_id AND other.strategy_id <> mine.strategy_id
            AND (other.exchange, other.symbol, other.product) = (mine.exchange, mine.symbol, mine.product)
            AND other.position = 'bought' AND NOT other.kept
    ) AS later,
    EXISTS (
        SELECT FROM orders AS sent
        WHERE sent.user_id = mine.user_id
            AND (sent.exchange, sent.symbol, sent.product) = (mine.exchange, mine.symbol, mine.product)
            AND sent.sent_at > statement_timestamp() - interval '1 day' AND {in_flight}
    ) AS in_flight
FROM strategies AS mine LEFT JOIN starts ON starts.start_id = mine.start_id
    -- A START, or the next day of a series, begins a round that has sold nothing: what the round before it
    -- sold is watched all the same, also when the new one is stopped before it buys.
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(gone.filled_quantity), 0) AS quantity FROM orders AS gone
        WHERE gone.strategy_id = mine.strategy_id AND gone.leg = 'exit'
            AND gone.filled_at > statement_timestamp() - CAST(:watched AS interval)
            AND mine.sold_quantity = 0
            AND (mine.status = 'running' OR mine.stopped_at IS NOT NULL)
            AND mine.started_at > statement_timestamp() - CAST(:watched AS interval)
    ) AS lately
WHERE mine.user_id = :user_id AND coalesce(starts.account, '') = :account
    AND ((mine.position = 'bought' AND NOT mine.kept) OR lately.quantity > 0
        OR (mine.sold_quantity > 0 AND (mine.status = 'running'
            OR mine.stopped_at > statement_timestamp() - CAST(:watched AS interval)))
        OR (mine.oversold_quantity > 0
            AND mine.trading_day = date(timezone('Asia/Kolkata', statement_timestamp()))))
ORDER BY coalesce(mine.claims_from, mine.bought_at), mine.strategy_id
"""
_CLAIMS = text(_CLAIMS_SQL.format(in_flight=IN_FLIGHT))
_ENTRIES_SQL = """
SELECT waits.strategy_id, waits.user_id, waits.trading_day, waits.round, waits.exchange, waits.symbol,
    waits.product, waits.account,
    EXISTS (
        SELECT FROM orders AS sent
        WHERE sent.user_id = waits.user_id
            AND (sent.exchange, sent.symbol, sent.product) = (waits.exchange, waits.symbol, waits.product)
            AND sent.sent_at > statement_timestamp() - interval '1 day' AND {in_flight}
    ) AS in_flight
FROM orders AS waits JOIN strategies USING (strategy_id)
WHERE waits.user_id = :user_id AND waits.account = :account
    AND waits.held_by IS NOT NULL AND waits.status = 'planned' AND waits.leg = 'entry'
    AND waits.due_at > statement_timestamp() + CAST(:left_alone AS interval)
    AND waits.due_at < statement_timestamp() + CAST(:ahead AS interval)
    AND strategies.baseline IS NULL
"""
_ENTRIES = text(_ENTRIES_SQL.format(in_flight=IN_FLIGHT))
# Rows are locked in the order in which `StrategyWriter` locks them.
_UNREAD = text(
    """
UPDATE strategies SET unread_since = (
    SELECT failed_since FROM account_reads WHERE user_id = :user_id AND account = :account)
WHERE strategy_id IN (
    SELECT held.strategy_id FROM strategies AS held LEFT JOIN starts ON starts.start_id = held.start_id
    WHERE held.user_id = :user_id AND coalesce(starts.account, '') = :account
        AND held.status = 'running' AND held.position = 'bought'
    ORDER BY held.strategy_id FOR NO KEY UPDATE OF held
)
"""
)
_READ_AGAIN = text(
    """
UPDATE strategies SET unread_since = NULL
WHERE strategy_id IN (
    SELECT held.strategy_id FROM strategies AS held LEFT JOIN starts ON starts.start_id = held.start_id
    WHERE held.user_id = :user_id AND coalesce(starts.account, '') = :account
        AND held.unread_since IS NOT NULL
    ORDER BY held.strategy_id FOR NO KEY UPDATE OF held
)
"""
)


class AccountFindings:
    """The rows of strategies, orders and the timeline that a reading compares and changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = StrategyWriter(store)

    async def state(self, turn: ReadTurn) -> AccountState:
        """Return what strategies hold and have sold lately in the account, and the entries that wait."""
        whose = {"user_id": turn.user_id, "account": turn.account}
        async with self._store.statement() as connection:
            claims = (await connection.execute(_CLAIMS, {**whose, "watched": WATCHED_AFTER})).all()
            near = {"left_alone": LEFT_ALONE, "ahead": BEFORE_ENTRY}
            entries = (await connection.execute(_ENTRIES, {**whose, **near})).all()
        return AccountState(
            tuple(_claim(row, turn.account) for row in claims), tuple(_entry(row) for row in entries)
        )

    async def note(self, claim: Claim, finding: Finding) -> None:
        """Write a settled finding on its strategy, with its line."""
        await self._write(claim.strategy_id, claim.user_id, lambda unit: _note(unit, claim, finding))

    async def note_baseline(self, entry: WaitingEntry, shares: int, holdings: int) -> None:
        """Store the user's own shares before a purchase, unless the entry was sent or they are known."""
        key = entry.key

        def apply(unit: UnitOfWork) -> None:
            newest = (unit.strategy.trading_day, unit.strategy.round) == (key.trading_day, key.round)
            unsent = all(row.sent_at is None for row in unit.leg(key))
            if newest and unsent and unit.strategy.baseline is None:
                unit.strategy.baseline, unit.strategy.baseline_holdings = shares, holdings

        await self._write(key.strategy_id, key.user_id, apply)

    async def note_unread(self, turn: ReadTurn) -> None:
        """Write on the running strategies that hold shares in the account since when it cannot be read."""
        await self._run(_UNREAD, turn)

    async def forget_unread(self, turn: ReadTurn) -> None:
        """Drop that warning from the account's strategies."""
        await self._run(_READ_AGAIN, turn)

    async def _write(self, strategy_id: UUID, user_id: UUID, apply: Callable[[UnitOfWork], None]) -> None:
        try:
            await self._writer.write(Write(strategy_id, user_id, apply))
        except LookupError:
            return  # deleted since it was read

    async def _run(self, statement: TextClause, turn: ReadTurn) -> None:
        async with self._store.statement() as connection:
            await connection.execute(statement, {"user_id": turn.user_id, "account": turn.account})


def _note(unit: UnitOfWork, claim: Claim, finding: Finding) -> None:
    """Write what was found, unless the strategy has bought, sold or begun anew since it was read."""
    strategy, new = unit.strategy, noted(claim, finding)
    if (strategy.start_id, _held(strategy)) != (claim.start_id, claim.held) or new == _noted(strategy):
        return
    since = strategy.missing_since if strategy.missing_quantity and new.missing else unit.now
    strategy.missing_quantity, strategy.missing_note = new.missing, new.note
    strategy.missing_since = since if new.missing else None
    strategy.oversold_quantity = new.oversold
    line = difference_line(claim, finding)
    if line is not None:
        data = {"missing": str(new.missing), "oversold": str(new.oversold)}
        unit.say(EventKind.ALERT, line, f"account:{unit.now.isoformat()}", data)


def _held(strategy: StrategyRow) -> int:
    holds = strategy.position == Position.BOUGHT and not strategy.kept
    return strategy.bought_quantity - strategy.sold_quantity if holds else 0


def _noted(strategy: StrategyRow) -> Noted:
    return Noted(strategy.missing_quantity, strategy.missing_note, strategy.oversold_quantity)


def _claim(row: Row[Any], account: str) -> Claim:
    return Claim(
        strategy_id=row.strategy_id,
        user_id=row.user_id,
        start_id=row.start_id,
        terms=_terms(row, account),
        held=row.bought_quantity - row.sold_quantity if row.holds else 0,
        sold=row.sold_in_all,
        running=row.status == Status.RUNNING,
        in_flight=row.in_flight,
        baseline=row.baseline,
        holdings=row.baseline_holdings,
        later=int(row.later),
        noted=Noted(row.missing_quantity, row.missing_note, row.oversold_quantity),
    )


def _entry(row: Row[Any]) -> WaitingEntry:
    key = LegKey(row.strategy_id, row.user_id, row.trading_day, row.round, Leg.ENTRY)
    return WaitingEntry(key, _terms(row, row.account), row.in_flight)


def _terms(row: Row[Any], account: str) -> OrderTerms:
    return OrderTerms(row.exchange, row.symbol, Product(row.product), account)
