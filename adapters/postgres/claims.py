"""Claims the right to send an order, once, by Postgres' clock. Concurrent claims share one statement."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.account_days import AccountDayReader
from adapters.postgres.claim_statement import CLAIM_FREE, CLAIM_WAITING
from adapters.postgres.engine import Store
from adapters.postgres.order_rows import attempt_of
from adapters.postgres.stop_json import stop_json
from adapters.postgres.tables import OrderRow
from adapters.postgres.write_batcher import Batcher, Later
from domain.account_day import DayState
from domain.budget import ENTRIES, EXITS
from domain.entry_turns import BACKLOG, IN_TIME, LOOKED_BACK
from domain.errors import StoreUnavailable
from domain.limits import MAY_PASS, ORDERS_A_DAY, Bar, why_barred
from domain.order import CLAIM_LASTS, EARLIEST, Attempt, Limit, OrderStatus, Reason
from domain.ports import Claimed, NotClaimed
from domain.resting_facts import RestingFacts
from domain.stop_prices import StopPrices

_BUDGET = {
    "exits_a_second": EXITS.a_second,
    "exits_a_minute": EXITS.a_minute,
    "entries_a_second": ENTRIES.a_second,
    "entries_a_minute": ENTRIES.a_minute,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """An order to send, and the latest instant it may be sent."""

    attempt: Attempt
    quantity: int
    reason: Reason
    due_at: datetime
    latest: datetime | None
    price: Decimal | None = None
    """What an entry's value is judged by: its ceiling, or the last price known."""
    limit: Limit | None = None
    """None at the market."""
    stop: StopPrices | None = None
    """Of one that rests."""
    day_known: bool | None = None
    """Whether it is known what the account's day has come to; None: it was not judged for this claim."""


class _Unjudged(NotClaimed):
    """The account's day is to be judged first."""


AccountDayKey = tuple[UUID, date]
_Answer = Claimed | NotClaimed | Exception | Later


class Claims:
    """Takes claims; each is committed when it is answered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._days = AccountDayReader(store)
        self._together: Batcher[Claim, Claimed | NotClaimed] = Batcher(self._take)
        # On lanes of their own: no exit waits while the day of an account is judged.
        self._known: Batcher[AccountDayKey, bool] = Batcher(self._known_days)
        self._judged: Batcher[Claim, Claimed | NotClaimed] = Batcher(self._take)

    async def take(self, claim: Claim) -> Claimed | NotClaimed:
        """Return whether this caller now has the right to send.

        Where a day's money decides that, the day is judged first and the right is asked for again.
        """
        answer = await self._together.add(claim)
        if not isinstance(answer, _Unjudged):
            return answer
        key = claim.attempt.key
        known = await self._known.add((key.user_id, key.trading_day))
        return await self._judged.add(replace(claim, day_known=known))

    async def _take(self, claims: Sequence[Claim], wait: bool) -> list[_Answer]:
        first = {claim.attempt.order_id: claim for claim in reversed(claims)}
        async with self._store.statement() as connection:
            judged = await _judge(connection, list(first.values()), wait)
        answers: list[_Answer | None] = [
            _answer(claim, judged.get(claim.attempt.order_id))
            if first[claim.attempt.order_id] is claim
            else None
            for claim in claims
        ]
        lost = [claim for claim, answer in zip(claims, answers, strict=True) if answer is None]
        if not lost:
            return [answer for answer in answers if answer is not None]
        told = iter(await self._told(lost, wait))
        return [next(told) if answer is None else answer for answer in answers]

    async def _known_days(self, days: Sequence[AccountDayKey], _: bool) -> list[bool]:
        """Judge these days; tell of each whether it is known what it has come to."""
        users: defaultdict[date, set[UUID]] = defaultdict(set)
        for user_id, day in days:
            users[day].add(user_id)
        verdicts = {day: await self._days.judge(day, whose) for day, whose in users.items()}
        # A user who has no limit on the day any more has nothing that could be unknown.
        return [
            user_id not in verdicts[day] or verdicts[day][user_id].state is not DayState.UNKNOWN
            for user_id, day in days
        ]

    async def _told(self, lost: Sequence[Claim], wait: bool) -> list[_Answer]:
        """Read the state of intents claimed by another caller; the winners' answers do not depend on it."""
        try:
            rows, now = await self._read({claim.attempt.order_id for claim in lost})
        except StoreUnavailable as error:
            return [StoreUnavailable(*error.args) for _ in lost]
        return [_lost(rows.get(claim.attempt.order_id), now, wait) for claim in lost]

    async def _read(self, order_ids: set[UUID]) -> tuple[dict[UUID, Attempt], datetime]:
        async with self._store.read() as session:
            query = select(OrderRow, func.clock_timestamp()).where(OrderRow.order_id.in_(order_ids))
            found = (await session.execute(query)).all()
        rows = {row.order_id: attempt_of(row) for row, _ in found}
        return rows, found[-1][1] if found else datetime.min.replace(tzinfo=UTC)


async def _judge(connection: AsyncConnection, claims: Sequence[Claim], wait: bool) -> dict[UUID, Row[Any]]:
    days = {
        (claim.attempt.key.user_id, claim.attempt.key.trading_day): claim.day_known
        for claim in claims
        if claim.day_known is not None
    }
    result = await connection.execute(
        CLAIM_WAITING if wait else CLAIM_FREE,
        {
            "order_ids": [claim.attempt.order_id for claim in claims],
            "quantities": [claim.quantity for claim in claims],
            "reasons": [claim.reason.value for claim in claims],
            "dues": [claim.due_at for claim in claims],
            "latests": [claim.latest for claim in claims],
            "prices": [claim.price for claim in claims],
            "limits": [claim.limit.price if claim.limit else None for claim in claims],
            "ceilings": [claim.limit.ceiling if claim.limit else None for claim in claims],
            "stops": [json.dumps(stop_json(claim.stop)) if claim.stop else None for claim in claims],
            "day_users": [user_id for user_id, _ in days],
            "days": [day for _, day in days],
            "days_known": list(days.values()),
            "orders_a_day": ORDERS_A_DAY,
            "claim_lasts": CLAIM_LASTS,
            "earliest": EARLIEST,
            "looked_back": LOOKED_BACK,
            "backlog": BACKLOG,
            "in_time": IN_TIME,
            **_BUDGET,
        },
    )
    return {row.order_id: row for row in result}


def _answer(claim: Claim, judged: Row[Any] | None) -> _Answer | None:
    if judged is None:
        return None
    if not judged.won and judged.bar is not None and not judged.too_late:
        bar = Bar(judged.bar)
        kind = _Unjudged if bar is Bar.UNJUDGED else NotClaimed
        return kind(
            claim.attempt,
            judged.now,
            barred=_why(judged),
            may_pass=bar in MAY_PASS,
            foreign=bar is Bar.UNWRITTEN,
        )
    if not judged.won:
        early = claim.due_at - judged.now > EARLIEST
        over = judged.over_budget and not judged.too_late and not early
        early = early and not judged.too_late
        told = NotClaimed(claim.attempt, judged.now, judged.too_late, early, over, turn_at=judged.turn_at)
        if judged.due_together is None:  # an exit, or one that is not due with its strategy's day
            return told
        return replace(told, due_together=judged.due_together, started_before=judged.started_before)
    sent = replace(
        claim.attempt,
        status=OrderStatus.SENT,
        quantity=claim.quantity,
        reason=claim.reason,
        due_at=claim.due_at,
        sent_at=max(judged.now, claim.due_at),
        send_before=judged.now + CLAIM_LASTS,
        limit=claim.limit,
        resting=RestingFacts((claim.stop.trigger,)) if claim.stop else None,
    )
    return Claimed(sent, judged.now)


def _why(judged: Row[Any]) -> str:
    bar = Bar(judged.bar)
    return why_barred(bar, getattr(judged, bar, None))


def _lost(attempt: Attempt | None, now: datetime, wait: bool) -> _Answer:
    if attempt is None:
        return LookupError("this intent is not in the order log")
    if attempt.status is OrderStatus.PLANNED and not wait:
        return Later.LATER  # its row is locked by a transaction that may yet roll back
    return NotClaimed(attempt, now)
