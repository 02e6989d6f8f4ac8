"""Stores times in which no worker lived, as the first one after them finds by the others' signs of life."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.dialects.postgresql import insert

from adapters.postgres.engine import Store
from adapters.postgres.operation_tables import (
    OutageRow,
    ReconcilerRound,
    WorkerRow,
)
from adapters.postgres.stop_json import read_protection
from adapters.postgres.tables import (
    StartRow,
    StrategyRow,
)
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from domain.outage import LONG, Outage, unwatched_text
from domain.strategy import Position, Status
from domain.terms import Protect
from domain.timeline import EventKind

WRITTEN_TOGETHER = 100
"""Strategies that are told in one go: others write beside them."""


class PostgresOutages:
    """Implements `domain.ports.Outages` by the workers' beats and the reconciler's rounds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = StrategyWriter(store)

    async def woke(self, worker: str) -> Outage | None:
        """Note that a worker has begun; return the outage that it ends, if it ends one."""
        others = select(func.max(WorkerRow.alive_at)).where(WorkerRow.name != worker).scalar_subquery()
        rounds = select(func.max(ReconcilerRound.ended_at)).scalar_subquery()
        async with self._store.work() as session:
            seen = select(func.greatest(others, rounds), func.clock_timestamp())
            began, now = (await session.execute(seen)).one()
            if began is None or now - began < LONG:
                return None
            row = insert(OutageRow).values(began_at=began, ended_at=now)
            await session.execute(row.on_conflict_do_nothing())
        return Outage(began, now)

    async def since(self, instant: datetime) -> Sequence[Outage]:
        """Return the outages that had not ended at an instant, oldest first."""
        query = select(OutageRow).where(OutageRow.ended_at > instant).order_by(OutageRow.began_at)
        async with self._store.read() as session:
            return [Outage(row.began_at, row.ended_at) for row in await session.scalars(query)]

    async def tell_unwatched(self, outage: Outage) -> int:
        """Write into each timeline how long nothing watched the stop of what was held."""
        async with self._store.read() as session:
            held = (await session.execute(_held_in(outage))).all()
        lines = [line for line in (_line(row, outage) for row in held) if line is not None]
        for first in range(0, len(lines), WRITTEN_TOGETHER):
            written = lines[first : first + WRITTEN_TOGETHER]
            await asyncio.gather(*map(self._writer.write, written), return_exceptions=True)
        return len(lines)


def _held_in(outage: Outage) -> Select[Any]:
    plan = StartRow.plan["opens_at"].astext
    return (
        select(
            StrategyRow.strategy_id,
            StrategyRow.user_id,
            StrategyRow.symbol,
            StrategyRow.bought_at,
            StrategyRow.closes_at,
            StrategyRow.resumes_at,
            StrategyRow.protection,
            plan.label("opens_at"),
        )
        .outerjoin(StartRow, StartRow.start_id == StrategyRow.start_id)
        .where(
            StrategyRow.status == Status.RUNNING.value,
            StrategyRow.position == Position.BOUGHT.value,
            StrategyRow.bought_at < outage.ended_at,
        )
    )


def _line(row: Row[Any], outage: Outage) -> Write[None] | None:
    """Return the line of one strategy; None where its market was closed all the time."""
    opened = datetime.fromisoformat(row.opens_at) if row.opens_at else row.bought_at
    opened = row.resumes_at or opened
    began = max(outage.began_at, row.bought_at, opened)
    ended = min(outage.ended_at, row.closes_at) if row.closes_at else outage.ended_at
    if began >= ended:
        return None
    shown = read_protection(row.protection)
    rested = shown is not None and shown.where is Protect.EXCHANGE and row.bought_at <= shown.since <= began
    text = unwatched_text(row.symbol, began, ended, at_exchange=rested)

    def apply(unit: UnitOfWork) -> None:
        unit.say(EventKind.ALERT, text, f"unwatched:{outage.began_at.isoformat()}")

    return Write(row.strategy_id, row.user_id, apply)
