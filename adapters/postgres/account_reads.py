"""Grants turns to read the accounts that hold something: one row per account, over all processes.

All instants are by Postgres' clock; a turn further ahead than any can last counts as free: the clock was set
back. Rows are locked in the order of their keys, or passed over where they are locked.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, TextClause, text

from adapters.postgres.account_findings import AccountFindings
from adapters.postgres.engine import Store
from domain.account_state import AccountState, Claim, Finding, Shown, WaitingEntry
from domain.account_watch import APART, BEFORE_ENTRY, LEFT_ALONE, WATCHED_AFTER
from domain.ports import ReadTurn

HELD_FOR = timedelta(seconds=25)
"""How long a turn lasts that is not given back: longer than any reading takes."""
SETTLES_WITHIN = timedelta(seconds=2)
"""From a run's end to the reading that looks for what it sold too much: the books agree by then."""
UNSETTLED_AFTER = timedelta(seconds=1.5)
"""So long after it is due, an order's own questions to the broker are over."""

_HOLDERS = text(
    """
WITH wanted AS MATERIALIZED (
    SELECT strategies.user_id, coalesce(starts.account, '') AS account,
        max(CASE
            WHEN strategies.stopped_at IS NOT NULL THEN strategies.stopped_at + CAST(:settles AS interval)
            WHEN strategies.position = 'none' THEN strategies.started_at + CAST(:settles AS interval)
            ELSE '-infinity' END) AS since
    FROM strategies LEFT JOIN starts ON starts.start_id = strategies.start_id
    WHERE (strategies.status = 'running' AND strategies.position = 'bought')
        OR (strategies.sold_quantity > 0
            AND strategies.stopped_at > statement_timestamp() - CAST(:watched AS interval)
            AND strategies.stopped_at < statement_timestamp() - CAST(:settles AS interval))
        OR ((strategies.status = 'running' OR strategies.stopped_at IS NOT NULL)
            AND strategies.started_at > statement_timestamp() - CAST(:watched AS interval)
            AND strategies.started_at < statement_timestamp() - CAST(:settles AS interval)
            AND EXISTS (
                SELECT FROM orders AS gone
                WHERE gone.strategy_id = strategies.strategy_id AND gone.leg = 'exit'
                    AND gone.filled_at > statement_timestamp() - CAST(:watched AS interval)))
    GROUP BY 1, 2
), made AS (
    INSERT INTO account_reads (user_id, account, next_at)
    SELECT user_id, account, clock_timestamp() FROM wanted ORDER BY 1, 2
    ON CONFLICT DO NOTHING
)
UPDATE account_reads AS reads SET next_at = clock_timestamp()
WHERE (reads.user_id, reads.account) IN (
    SELECT late.user_id, late.account
    FROM account_reads AS late JOIN wanted USING (user_id, account)
    WHERE late.next_at > statement_timestamp() AND late.tried_at < wanted.since
    ORDER BY 1, 2 FOR UPDATE OF late SKIP LOCKED
)
"""
)
_ENTRIES = text(
    """
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT orders.user_id, orders.account
    FROM orders JOIN strategies USING (strategy_id)
    WHERE orders.held_by IS NOT NULL AND orders.status = 'planned' AND orders.leg = 'entry'
        AND orders.due_at > statement_timestamp() + CAST(:left_alone AS interval)
        AND orders.due_at < statement_timestamp() + CAST(:ahead AS interval)
        AND strategies.baseline IS NULL
), made AS (
    INSERT INTO account_reads (user_id, account, next_at)
    SELECT user_id, account, clock_timestamp() FROM wanted ORDER BY 1, 2
    ON CONFLICT DO NOTHING
)
UPDATE account_reads AS reads SET next_at = clock_timestamp()
WHERE (reads.user_id, reads.account) IN (
    SELECT late.user_id, late.account
    FROM account_reads AS late JOIN wanted USING (user_id, account)
    WHERE late.next_at > statement_timestamp() AND late.failed_since IS NULL
        AND late.tried_at < statement_timestamp() - CAST(:settles AS interval)
    ORDER BY 1, 2 FOR UPDATE OF late SKIP LOCKED
)
"""
)
# Not beside an order that is due: its price and its look at the account count against the same limits.
_TAKE = text(
    """
UPDATE account_reads AS reads
SET turn = reads.turn + 1, tried_at = clock_timestamp(),
    taken_until = clock_timestamp() + CAST(:held_for AS interval)
WHERE (reads.user_id, reads.account) IN (
    SELECT due.user_id, due.account FROM account_reads AS due
    WHERE due.next_at <= statement_timestamp()
        AND (due.taken_until IS NULL OR due.taken_until <= statement_timestamp()
            OR due.taken_until > statement_timestamp() + CAST(:unheard_of AS interval))
        AND (due.tried_at IS NULL OR due.tried_at > statement_timestamp()
            OR due.tried_at <= statement_timestamp() - CAST(:apart AS interval))
        AND NOT EXISTS (
            SELECT FROM orders
            WHERE orders.user_id = due.user_id AND orders.held_by IS NOT NULL
                AND orders.status IN ('planned', 'sent', 'open')
                AND orders.due_at > statement_timestamp() - CAST(:unsettled AS interval)
                AND orders.due_at < statement_timestamp() + CAST(:left_alone AS interval)
        )
    ORDER BY due.next_at LIMIT :most FOR UPDATE SKIP LOCKED
)
RETURNING reads.user_id, reads.account, reads.turn, reads.shown, reads.told,
    extract(epoch FROM reads.tried_at) AS at, reads.tried_at - reads.failed_since AS failing
"""
)
_WAS_READ = text(
    """
UPDATE account_reads SET taken_until = NULL, read_at = tried_at, failed_since = NULL, why = '', told = false,
    shown = CAST(:shown AS jsonb),
    next_at = CASE WHEN foreign_at > tried_at THEN clock_timestamp()
        ELSE clock_timestamp() + CAST(:again AS interval) END
WHERE user_id = :user_id AND account = :account AND turn = :turn
"""
)
_FAILED = text(
    """
UPDATE account_reads SET taken_until = NULL, failed_since = coalesce(failed_since, tried_at), why = :why,
    told = :told, shown = CAST(:shown AS jsonb), next_at = clock_timestamp() + CAST(:again AS interval)
WHERE user_id = :user_id AND account = :account AND turn = :turn
"""
)
_LEAVE = text("DELETE FROM account_reads WHERE user_id = :user_id AND account = :account AND turn = :turn")


class PostgresAccountReads:
    """Implements `domain.ports.AccountReads`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._findings = AccountFindings(store)

    async def note_holders(self) -> None:
        """Take up the accounts in which strategies hold shares; make those due that have sold since."""
        await self._run(_HOLDERS, {"settles": SETTLES_WITHIN, "watched": WATCHED_AFTER})

    async def note_entries(self) -> None:
        """Make the accounts due whose entries are due soon and have no baseline yet."""
        words = {"left_alone": LEFT_ALONE, "ahead": BEFORE_ENTRY, "settles": SETTLES_WITHIN}
        await self._run(_ENTRIES, words)

    async def take(self, most: int) -> Sequence[ReadTurn]:
        """Take the turns of at most `most` accounts that are due, each for this caller alone."""
        words = {
            "held_for": HELD_FOR,
            "unheard_of": HELD_FOR * 2,
            "apart": APART,
            "unsettled": UNSETTLED_AFTER,
            "left_alone": LEFT_ALONE,
            "most": most,
        }
        async with self._store.statement() as connection:
            return [_turn(row) for row in await connection.execute(_TAKE, words)]

    async def state(self, turn: ReadTurn) -> AccountState:
        """Return what strategies hold and have sold lately in the account, and the entries that wait."""
        return await self._findings.state(turn)

    async def note(self, claim: Claim, finding: Finding) -> None:
        """Write a settled finding on its strategy, with its line; nothing where it holds something else."""
        await self._findings.note(claim, finding)

    async def note_baseline(self, entry: WaitingEntry, shares: int, holdings: int) -> None:
        """Store the user's own shares before a purchase, unless the entry was sent or they are known."""
        await self._findings.note_baseline(entry, shares, holdings)

    async def note_unread(self, turn: ReadTurn) -> None:
        """Write on the strategies that hold shares in the account since when it cannot be read."""
        await self._findings.note_unread(turn)

    async def was_read(self, turn: ReadTurn, unsettled: Mapping[UUID, Shown], again: timedelta) -> None:
        """Give the turn back after a reading; the next is due in `again`, or at once where it moved."""
        if turn.told:
            await self._findings.forget_unread(turn)
        await self._run(_WAS_READ, {**_key(turn), "shown": _packed(unsettled), "again": again})

    async def failed(
        self, turn: ReadTurn, why: str, unsettled: Mapping[UUID, Shown], again: timedelta, *, told: bool
    ) -> None:
        """Give the turn back after a reading that failed. `told`: an alert went out for it."""
        words = {"why": why, "shown": _packed(unsettled), "again": again, "told": told}
        await self._run(_FAILED, {**_key(turn), **words})

    async def leave(self, turn: ReadTurn) -> None:
        """Give the turn back for good: nothing is held in the account and nothing is waited for."""
        await self._run(_LEAVE, _key(turn))

    async def _run(self, statement: TextClause, words: Mapping[str, Any]) -> None:
        async with self._store.statement() as connection:
            await connection.execute(statement, words)


def _key(turn: ReadTurn) -> dict[str, Any]:
    return {"user_id": turn.user_id, "account": turn.account, "turn": turn.number}


def _turn(row: Row[Any]) -> ReadTurn:
    shown = {UUID(key): _shown(words) for key, words in row.shown.items()}
    return ReadTurn(row.user_id, row.account, row.turn, float(row.at), shown, row.failing, row.told)


def _shown(words: Sequence[Any]) -> Shown:
    missing, newer_missing, oversold, since = words
    return Shown(Finding(missing, newer_missing, oversold), since)


def _packed(unsettled: Mapping[UUID, Shown]) -> str:
    return json.dumps({str(key): _words(shown) for key, shown in unsettled.items()})


def _words(shown: Shown) -> list[float]:
    finding = shown.finding
    return [finding.missing, finding.newer_missing, finding.oversold, shown.since]
