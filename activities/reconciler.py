"""The reconciler's round: what a run cannot repair itself, because it was ended, or because it has ended."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from temporalio import activity

from activities.heartbeat import alive
from domain.errors import (
    CacheUnavailable,
    StoreUnavailable,
    Unavailable,
)
from domain.limits import ToSell
from domain.order import Leg
from domain.ports import (
    Alerts,
    Brokers,
    CacheMark,
    Clock,
    OpenRuns,
    OrderLog,
    Reconciliation,
    Rounds,
    RuntimeCache,
    RuntimeUpdate,
)
from domain.reconciler import (
    ENDED_WITHIN,
    EVERYTHING,
    SETTLING,
    UNTOLD,
    Look,
    Reconciled,
    RunningRow,
    Slice,
    SoldRow,
)
from domain.run import Adoption, Alarm, StartRun
from domain.strategy import Status
from execution.late_orders import LateOrders
from execution.missing_prices import MissingPrices
from execution.series_rounds import SeriesRounds

MOST = 500
"""Runs asked for one by one, and adopted, in a round: it has a minute, and the next one goes on."""
GROUP = 250
"""Strategies whose keys are looked at together."""
TELL_TOGETHER = 200
"""Runs that are told to sell at the same time."""
Item = TypeVar("Item")


class ReconcileActivities:
    """Adopts ended runs and late entries, restores a flushed Redis. Parts may be away; the rest goes on."""

    def __init__(
        self,
        rows: Reconciliation,
        runs: OpenRuns,
        log: OrderLog,
        cache: RuntimeCache,
        brokers: Brokers,
        alerts: Alerts,
        clock: Clock,
        mark: CacheMark,
        rounds: Rounds,
        series: SeriesRounds,
    ) -> None:
        self._rows = rows
        self._runs = runs
        self._cache = cache
        self._alerts = alerts
        self._clock = clock
        self._mark = mark
        self._rounds = rounds
        self._series = series
        self._late = LateOrders(runs, log, brokers, alerts)
        self._prices = MissingPrices(log, brokers)

    @activity.defn
    async def reconcile(self, look: Look | None = None) -> Reconciled:
        """Do one round and leave word of it; what could not be done waits for the next."""
        async with alive():
            try:
                done = await self._round(look or Look())
                await self._rounds.round_ended()
            except StoreUnavailable:
                return Reconciled(away=("postgres",))
        return done

    async def _round(self, look: Look) -> Reconciled:
        part = look.at
        away: list[str] = []
        selling = await self._sell_what_is_killed(away)
        told_sold = await self._tell_what_is_sold()
        begun = await self._carry_series_on(part, away)
        adopted = await self._adopt_ended(look, away)
        late = await self._late.look_for(await self._rows.doubtful_orders(), away)
        priced = await self._prices.look_for(await self._rows.unpriced_orders(), away)
        restored = await self._restore(part, away)
        return Reconciled(
            adopted=tuple(adopted),
            restored=tuple(restored),
            late_entries=tuple(late[Leg.ENTRY]),
            late_exits=tuple(late[Leg.EXIT]),
            away=tuple(away),
            selling=tuple(selling),
            told_sold=tuple(told_sold),
            priced=tuple(priced),
            begun=tuple(begun),
        )

    async def _carry_series_on(self, part: Slice, away: list[str]) -> Sequence[UUID]:
        try:
            begun = await self._series.begin_unbegun()
            await self._series.tell(part)
        except StoreUnavailable:
            raise
        except Unavailable:
            away.append("temporal")
            return ()
        return begun

    async def _sell_what_is_killed(self, away: list[str]) -> list[UUID]:
        """Tell the runs of each kill switch that sells, again each round until they have stopped.

        Side by side: a run that does not take it (its version's workers are gone) costs three seconds, and
        must not keep the others from being told.
        """
        to_sell = await self._rows.to_sell()
        told: list[UUID] = []
        for group in _groups(to_sell, TELL_TOGETHER):
            answers = await asyncio.gather(*map(self._told_to_sell, group))
            told += [one.strategy_id for one, heard in zip(group, answers, strict=True) if heard]
        if len(told) < len(to_sell):
            away.append("temporal")
        return told

    async def _tell_what_is_sold(self) -> list[UUID]:
        """Tell the runs that go on although their shares are sold, whatever sold them."""
        sold = await self._rows.sold(self._clock.now() - UNTOLD)
        told = await asyncio.gather(*map(self._told_of_sale, sold))
        return [one.strategy_id for one, heard in zip(sold, told, strict=True) if heard]

    async def _told_of_sale(self, one: SoldRow) -> bool:
        try:
            await self._runs.tell_sold(one.workflow_id, one.run_id)
        except Unavailable:
            return False
        return True

    async def _told_to_sell(self, one: ToSell) -> bool:
        try:
            await self._runs.sell(one.workflow_id, one.run_id, one.limit, by_operator=one.by_operator)
        except Unavailable:
            return False
        return True

    async def _adopt_ended(self, look: Look, away: list[str]) -> list[UUID]:
        """Give every strategy that is called running, but has no run, a run that brings it to its end."""
        adopted = []
        try:
            for row in await self._without_a_run(look):
                await self._runs.adopt(replace(row.start, adopted=Adoption.TERMINATED))
                await self._tell(
                    "run_terminated", row.start, "its run was ended from outside; a new one takes it over"
                )
                adopted.append(row.start.strategy.strategy_id)
        except StoreUnavailable:
            raise
        except Unavailable:
            away.append("temporal")
        return adopted

    async def _without_a_run(self, look: Look) -> list[RunningRow]:
        suspects = await self._suspects(look)
        ended = [
            row
            for row in (await self._rows.running(suspects))[:MOST]
            if not await self._runs.is_open(row.workflow_id)
        ]
        # Asked once more: a run that ended by itself wrote that down before Temporal called it ended, but
        # perhaps after we read its row.
        still = {row.run_id for row in await self._rows.running([_id(row) for row in ended])}
        return [row for row in ended if row.run_id in still]

    async def _suspects(self, look: Look) -> set[UUID]:
        now = self._clock.now()
        settled = now - SETTLING
        owned = await self._rows.owned(look.at, settled)
        suspects = set(await self._runs.ended_since(now - ENDED_WITHIN))
        # Of both only what is older than that: a run of this moment must not make up for one that is missing.
        if owned and (look.thorough or await self._runs.open_count(look.at, settled) != len(owned)):
            listed = await self._runs.open_ids(look.at)
            suspects |= {row.strategy_id for row in owned if row.workflow_id not in listed}
        return suspects

    async def _restore(self, part: Slice, away: list[str]) -> list[UUID]:
        """Load runtime keys that are missing or stale: of a slice, of all when Redis is not what it was."""
        try:
            if await self._mark.stands():
                return await self._load_differing(part, self._clock.now() - SETTLING)
            filling = await self._mark.begin()
            restored = await self._load_differing(EVERYTHING, self._clock.now())
            await self._mark.done(filling)
        except CacheUnavailable:
            away.append("redis")
            return []
        return restored

    async def _load_differing(self, part: Slice, started_before: datetime) -> list[UUID]:
        restored: list[UUID] = []
        owned = await self._rows.owned(part, started_before)
        # A few at a time, so that an order sent by this process does not wait.
        for group in _groups(owned, GROUP):
            found = await self._cache.differing({row.strategy_id: row.position for row in group})
            rows = await self._rows.running(found)
            # Asked again with what is so now: a fill may have been on its way into both.
            still = await self._cache.differing({_id(row): row.position for row in rows})
            rows = [row for row in rows if _id(row) in still]
            await asyncio.gather(*(self._load(row) for row in rows))
            await self._drop_stopped(rows)
            restored += still
        return restored

    async def _load(self, row: RunningRow) -> None:
        await self._cache.load(row.start.strategy, Status.RUNNING, row.position)
        orders = RuntimeUpdate(last_buy_order=row.last_buy_order, last_sell_order=row.last_sell_order)
        await self._cache.update(_id(row), orders)

    async def _drop_stopped(self, restored: Sequence[RunningRow]) -> None:
        """Drop the keys again of strategies that stopped while they were restored."""
        still = {_id(row) for row in await self._rows.running([_id(row) for row in restored])}
        for row in restored:
            if _id(row) not in still:
                await self._cache.drop(row.start.strategy)

    async def _tell(self, kind: str, start: StartRun, text: str) -> None:
        strategy = start.strategy
        words = f"Strategy {strategy.strategy_id} ({strategy.symbol}): {text}."
        await self._alerts.raise_(Alarm(kind, words, strategy.user_id, strategy.strategy_id))


def _id(row: RunningRow) -> UUID:
    return row.start.strategy.strategy_id


def _groups(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
