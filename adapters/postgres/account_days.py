"""Reads the days of accounts that have a limit on them, and writes their breaches, once.

A breach is written by the worker that looks each second or by the claim of an entry, as one sees it first.
All ages are by Postgres' clock.
"""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from adapters.postgres.audit import audit
from adapters.postgres.engine import Store
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from domain.account_day import (
    AccountDay,
    Breach,
    DayVerdict,
    WrittenBreach,
    judge,
)
from domain.audit import Action, AuditLine, Role
from domain.day_round import DayFill, DayRound
from domain.limits import LimitName, Limits, OnBreach, ToSell
from domain.money import decimal_text
from domain.order import Leg, Side
from domain.session import at
from domain.strategy import Position, Product
from domain.timeline import EventKind

LONGEST_AGE = timedelta(days=1)
LEAD_LASTS = timedelta(seconds=4)
"""A worker that has not looked for so long has lost the lead: another one judges within five seconds."""
TOLD_TOGETHER = 100
SETTLED_AFTER = timedelta(minutes=5)
"""So long after its last change an account that holds nothing is not looked at: its day does not change.
Its next entry has it judged in any case."""

# The rounds of a day are those that traded on it, those of earlier days that a running strategy still holds
# (a day that was slept through), and those of earlier days that were sold on it.
_DAYS = text(
    """
WITH judged AS MATERIALIZED (
    SELECT limits.user_id, limits.daily_loss, limits.daily_profit, limits.on_breach,
        ARRAY(SELECT limit_name FROM breaches AS b
            WHERE b.user_id = limits.user_id AND b.trading_day = :day) AS breached,
        EXISTS (SELECT FROM price_gaps AS g WHERE g.user_id = limits.user_id) AS gap
    FROM limits
    WHERE (limits.daily_loss IS NOT NULL OR limits.daily_profit IS NOT NULL)
        AND CASE WHEN CAST(:users AS uuid[]) IS NOT NULL THEN limits.user_id = ANY (CAST(:users AS uuid[]))
            ELSE EXISTS (SELECT FROM price_gaps AS g WHERE g.user_id = limits.user_id)
                OR EXISTS (SELECT FROM strategies AS s WHERE s.user_id = limits.user_id
                    AND (s.status = 'running' AND s.position = 'bought'
                        OR s.updated_at > now() - CAST(:settled AS interval)))
            END
), rounds AS MATERIALIZED (
    SELECT o.user_id, o.strategy_id, o.trading_day, o.round FROM judged JOIN orders AS o USING (user_id)
    WHERE o.trading_day = :day AND (o.filled_quantity > 0 OR (o.leg = 'exit' AND o.status = 'sent'))
    UNION
    SELECT s.user_id, s.strategy_id, s.trading_day, s.round FROM judged JOIN strategies AS s USING (user_id)
    WHERE s.status = 'running' AND s.position = 'bought' AND s.trading_day < :day
    UNION
    SELECT o.user_id, o.strategy_id, o.trading_day, o.round FROM judged JOIN orders AS o USING (user_id)
    WHERE o.leg = 'exit' AND o.sent_at >= :begins AND o.sent_at < :ends AND o.trading_day < :day
        AND o.filled_quantity > 0
)
SELECT judged.*, rounds.strategy_id, rounds.trading_day, rounds.round, o.leg, o.filled_quantity,
    o.average_price, o.leg = 'exit' AND o.status = 'sent' AS in_doubt, now() - o.filled_at AS age,
    o.exchange, o.symbol, o.product, o.account,
    s.position = 'bought' AND NOT s.kept AND own.newest AS holds,
    CASE WHEN own.newest THEN s.outside_quantity ELSE 0 END AS gone,
    coalesce(s.closes_at > now(), true) AND coalesce(s.resumes_at <= now(), true) AS in_session,
    p.price, now() - p.seen_at AS price_age
FROM judged LEFT JOIN rounds USING (user_id)
LEFT JOIN orders AS o ON o.strategy_id = rounds.strategy_id AND o.trading_day = rounds.trading_day
    AND o.round = rounds.round
LEFT JOIN strategies AS s ON s.strategy_id = rounds.strategy_id
LEFT JOIN held_prices AS p ON p.strategy_id = rounds.strategy_id
CROSS JOIN LATERAL (SELECT (s.trading_day, s.round) = (rounds.trading_day, rounds.round) AS newest) AS own
ORDER BY judged.user_id, rounds.strategy_id, rounds.trading_day, rounds.round, o.leg, o.attempt
"""
)
# A lease that reaches further ahead than any can counts as free: the clock was set back.
_LEAD = text(
    """
UPDATE limits_watch SET worker = :worker, until = clock_timestamp() + CAST(:lease AS interval)
WHERE worker = :worker OR until IS NULL OR until <= clock_timestamp()
    OR until > clock_timestamp() + 2 * CAST(:lease AS interval)
RETURNING worker
"""
)
_UNTOLD = text(
    """
SELECT b.user_id, b.trading_day, b.limit_name, b.value, b.net, b.on_breach, b.at,
    s.strategy_id, s.workflow_id, s.run_id, s.position
FROM (SELECT * FROM breaches WHERE told_at IS NULL ORDER BY at LIMIT :most) AS b
LEFT JOIN strategies AS s ON s.user_id = b.user_id AND s.status = 'running' AND s.workflow_id IS NOT NULL
    AND s.run_id IS NOT NULL AND s.trading_day <= b.trading_day AND s.started_at <= b.at
ORDER BY b.at, b.user_id, b.limit_name, s.strategy_id
"""
)
_TOLD = text(
    """
UPDATE breaches SET told_at = clock_timestamp()
WHERE user_id = :user_id AND trading_day = :day AND limit_name = :limit_name AND told_at IS NULL
RETURNING limit_name
"""
)
_OPEN_GAP = text(
    "INSERT INTO price_gaps (user_id) VALUES (:user_id) ON CONFLICT DO NOTHING RETURNING user_id"
)
_END_GAP = text("DELETE FROM price_gaps WHERE user_id = :user_id")
_BREACH = text(
    """
INSERT INTO breaches (user_id, trading_day, limit_name, value, net, on_breach)
VALUES (:user_id, :day, :limit_name, :value, :net, :on_breach)
ON CONFLICT DO NOTHING RETURNING at
"""
)


class AccountDayReader:
    """Reads days and judges them; a breach that it finds is written before it is returned."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def days(self, day: date, users: Collection[UUID] | None = None) -> Sequence[AccountDay]:
        """Return the days of the accounts that have a limit on them.

        Of `users`; or of all that hold something, changed lately, or lack a price.
        """
        words = {
            "day": day,
            "begins": at(day, time.min),
            "ends": at(day + timedelta(days=1), time.min),
            "users": list(users) if users is not None else None,
            "settled": SETTLED_AFTER,
        }
        async with self._store.statement() as connection:
            rows = (await connection.execute(_DAYS, words)).all()
        return [_day(list(own), day) for _, own in groupby(rows, key=attrgetter("user_id"))]

    async def judge(self, day: date, users: Collection[UUID]) -> dict[UUID, DayVerdict]:
        """Judge the day of these users now; those without a limit on it are absent."""
        verdicts = {}
        for one in await self.days(day, users):
            verdict = verdicts[one.user_id] = judge(one)
            if verdict.breach is not None:
                await self.breach(one.user_id, day, verdict.breach)
        return verdicts

    async def breach(self, user_id: UUID, day: date, breach: Breach) -> datetime | None:
        """Write a breach; return when, or None where it was written before."""
        words = {
            "user_id": user_id,
            "day": day,
            "limit_name": breach.limit.value,
            "value": breach.value,
            "net": breach.net,
            "on_breach": breach.on_breach.value,
        }
        async with self._store.work() as session:
            written: datetime | None = (await session.execute(_BREACH, words)).scalar_one_or_none()
            if written is not None:
                await audit(session, _line(user_id, day, breach))
        return written


class PostgresAccountDays:
    """Implements `domain.ports.AccountDays`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reader = AccountDayReader(store)
        self._writer = StrategyWriter(store)

    async def lead(self, worker: str) -> bool:
        """Take, or keep, the right to judge for a few seconds; False while another worker has it."""
        async with self._store.statement() as connection:
            taken = await connection.scalar(_LEAD, {"worker": worker, "lease": LEAD_LASTS})
        return taken is not None

    async def days(self, day: date) -> Sequence[AccountDay]:
        """Return the days to be judged: a limit is on them, and they hold something or changed lately."""
        return await self._reader.days(day)

    async def breach(self, user_id: UUID, day: date, breach: Breach) -> datetime | None:
        """Write a breach; return when, or None where it was written before."""
        return await self._reader.breach(user_id, day, breach)

    async def open_gap(self, user_id: UUID) -> bool:
        """Note that the user is told of a missing price; False where that is noted."""
        async with self._store.statement() as connection:
            return await connection.scalar(_OPEN_GAP, {"user_id": user_id}) is not None

    async def end_gap(self, user_id: UUID) -> None:
        """Note that no price of the user is missing any more."""
        async with self._store.statement() as connection:
            await connection.execute(_END_GAP, {"user_id": user_id})

    async def untold(self) -> Sequence[WrittenBreach]:
        """Return the breaches whose users were not told, the oldest first, with the runs of their days."""
        async with self._store.statement() as connection:
            rows = (await connection.execute(_UNTOLD, {"most": TOLD_TOGETHER})).all()
        key = attrgetter("at", "user_id", "limit_name")
        return [_written(list(found)) for _, found in groupby(rows, key=key)]

    async def tell(self, written: WrittenBreach, text: str) -> None:
        """Add the line to the timeline of each run of the day; one that is there is not added again."""
        once = f"limit:{written.day}:{written.breach.limit}"

        def apply(unit: UnitOfWork) -> None:
            unit.say(EventKind.ALERT, text, once, {"limit": written.breach.limit.value})

        writes = [Write(one.strategy_id, written.user_id, apply) for one in written.runs]
        for answer in await asyncio.gather(*map(self._writer.write, writes), return_exceptions=True):
            if isinstance(answer, BaseException) and not isinstance(answer, LookupError):
                raise answer

    async def told(self, written: WrittenBreach) -> None:
        """Note that the user was told of a breach; that of a claim gets its audit line with it."""
        breach = written.breach
        words = {"user_id": written.user_id, "day": written.day, "limit_name": breach.limit.value}
        async with self._store.work() as session:
            first = (await session.execute(_TOLD, words)).scalar_one_or_none()
            if first is not None and breach.limit is LimitName.TRADES_A_DAY:
                await audit(session, _line(written.user_id, written.day, breach))


def _line(user_id: UUID, day: date, breach: Breach) -> AuditLine:
    come = "" if breach.net is None else f"{decimal_text(breach.net)}, "
    what = f"{breach.limit} {decimal_text(breach.value)}"
    reason = f"{day}: {come}{breach.on_breach}"
    return AuditLine(user_id, Action.LIMIT_REACHED, Role.WORKER, "worker", what, reason)


def _written(rows: Sequence[Row[Any]]) -> WrittenBreach:
    first = rows[0]
    breach = Breach(LimitName(first.limit_name), first.value, first.net, OnBreach(first.on_breach), first.at)
    runs = tuple(
        ToSell(row.strategy_id, row.workflow_id, row.run_id, row.position == Position.BOUGHT)
        for row in rows
        if row.strategy_id is not None
    )
    return WrittenBreach(first.user_id, first.trading_day, breach, runs)


def _day(rows: Sequence[Row[Any]], day: date) -> AccountDay:
    first = rows[0]
    return AccountDay(
        first.user_id,
        day,
        Limits(
            daily_loss=first.daily_loss, daily_profit=first.daily_profit, on_breach=OnBreach(first.on_breach)
        ),
        tuple(_rounds(row for row in rows if row.strategy_id is not None and row.leg is not None)),
        frozenset(map(LimitName, first.breached)),
        bool(first.gap),
    )


def _rounds(rows: Iterator[Row[Any]]) -> Iterator[DayRound]:
    for _, found in groupby(rows, key=attrgetter("strategy_id", "trading_day", "round")):
        orders = list(found)
        yield _round(orders[0], tuple(_fill(order) for order in orders))


def _round(row: Row[Any], fills: tuple[DayFill, ...]) -> DayRound:
    bare = DayRound(row.strategy_id, row.exchange, row.symbol, Product(row.product), row.account, fills)
    held = bare.bought - bare.sold - row.gone if row.holds else 0
    return DayRound(
        row.strategy_id,
        row.exchange,
        row.symbol,
        Product(row.product),
        row.account,
        fills,
        held=max(held, 0),
        gone=row.gone,
        price=row.price,
        price_age=_age(row.price_age),
        in_session=bool(row.in_session),
    )


def _fill(row: Row[Any]) -> DayFill:
    side = Side(Leg(row.leg).side)
    return DayFill(side, row.filled_quantity, row.average_price, _age(row.age), bool(row.in_doubt))


def _age(age: timedelta | None) -> timedelta:
    """Return an age; one that is not known, or of the future, is too old: the clock was set back."""
    return LONGEST_AGE if age is None or age < timedelta(0) else age
