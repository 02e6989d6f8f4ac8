"""The reconciler's round: what a run cannot repair itself, because it was ended, or because it has ended."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from temporalio import activity

from domain.attention import left_over_alarm, login_alarm
from domain.errors import (
    BrokerNotConnected,
    BrokerRefused,
    CacheUnavailable,
    CalendarUnknown,
    LoginNeeded,
    StoreUnavailable,
    Unavailable,
)
from domain.instrument import Segment
from domain.ports import Alerts, Attention, Brokers, Clock, OpenRuns, OrderLog, Reconciliation, RuntimeCache
from domain.reconciling import SETTLING, DoubtfulEntry, Reconciled, RunningRow
from domain.run import Adoption, Alarm, StartRun
from domain.session import TradingCalendar, exchange_time
from domain.strategy import Status


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
        attention: Attention,
        calendar: Callable[[], TradingCalendar],
    ) -> None:
        self._rows = rows
        self._runs = runs
        self._log = log
        self._cache = cache
        self._brokers = brokers
        self._alerts = alerts
        self._clock = clock
        self._attention = attention
        self._calendar = calendar

    @activity.defn
    async def reconcile(self) -> Reconciled:
        """Do one round; what could not be done waits for the next."""
        away: list[str] = []
        try:
            running = await self._rows.running(self._clock.now() - SETTLING)
            doubtful = await self._rows.doubtful_entries()
        except StoreUnavailable:
            return Reconciled(away=("postgres",))
        adopted = await self._adopt_ended(running, away)
        late = await self._look_for(doubtful, away)
        restored = await self._restore(running, away)
        return Reconciled(tuple(adopted), tuple(restored), tuple(late), tuple(away))

    @activity.defn
    async def tell_people(self) -> int:
        """On a trading day, alert for strategies that need a login, and for shares left over."""
        now = self._clock.now()
        if not await asyncio.to_thread(self._trades, now):
            return 0
        alarms = [login_alarm(needed) for needed in await self._attention.logins_needed(now)]
        alarms += [left_over_alarm(left) for left in await self._attention.left_over()]
        for alarm in alarms:
            await self._alerts.raise_(alarm)
        return len(alarms)

    def _trades(self, now: datetime) -> bool:
        try:
            return self._calendar().session(exchange_time(now).date(), Segment.CASH) is not None
        except CalendarUnknown:
            return True  # better told on a holiday than not told at all

    async def _adopt_ended(self, running: Sequence[RunningRow], away: list[str]) -> list[UUID]:
        """Give every strategy that is called running, but has no run, a run that brings it to its end."""
        adopted = []
        try:
            listed = await self._runs.open_ids() if running else frozenset()
            for row in running:
                if row.workflow_id not in listed and not await self._runs.is_open(row.workflow_id):
                    await self._runs.adopt(replace(row.start, adopted=Adoption.TERMINATED))
                    await self._tell(
                        "run_terminated", row.start, "its run was ended from outside; a new one takes it over"
                    )
                    adopted.append(row.start.strategy.strategy_id)
        except Unavailable:
            away.append("temporal")
        return adopted

    async def _look_for(self, doubtful: Sequence[DoubtfulEntry], away: list[str]) -> list[UUID]:
        """Read the order book of every account that has an entry in doubt; own what turns up."""
        by_user: dict[UUID, list[DoubtfulEntry]] = defaultdict(list)
        for entry in doubtful:
            by_user[entry.start.strategy.user_id].append(entry)
        late: list[UUID] = []
        for user_id, entries in by_user.items():
            try:
                late += await self._look_in_book(user_id, entries)
            except (Unavailable, LoginNeeded, BrokerNotConnected, BrokerRefused):
                away.append(f"broker of {user_id}")
        return late

    async def _look_in_book(self, user_id: UUID, entries: Sequence[DoubtfulEntry]) -> list[UUID]:
        broker = await self._brokers.of(user_id)
        book = await broker.orders()
        late = []
        for entry in entries:
            row = next((row for row in book if entry.attempt.tag in row.tags), None)
            if row is None:
                continue
            await self._log.saw(entry.attempt, row)
            await self._tell(
                "late_entry",
                entry.start,
                f"order {row.broker_order_id} turned up at the broker after the strategy had stopped "
                f"({row.filled_quantity} filled); it is brought to its end by on_stop",
            )
            await self._runs.adopt(replace(entry.start, adopted=Adoption.LATE_ENTRY))
            late.append(entry.start.strategy.strategy_id)
        return late

    async def _restore(self, running: Sequence[RunningRow], away: list[str]) -> list[UUID]:
        """Load the runtime keys that are missing; drop them again for whoever has stopped meanwhile."""
        by_id = {row.start.strategy.strategy_id: row for row in running}
        try:
            missing = await self._cache.missing(list(by_id)) if by_id else frozenset()
            for strategy_id in missing:
                row = by_id[strategy_id]
                await self._cache.load(row.start.strategy, Status.RUNNING, row.position)
            if missing:
                await self._drop_stopped(missing, by_id)
        except CacheUnavailable:
            away.append("redis")
            return []
        except StoreUnavailable:
            away.append("postgres")
            return []
        return list(missing)

    async def _drop_stopped(self, restored: frozenset[UUID], by_id: dict[UUID, RunningRow]) -> None:
        still = {row.start.strategy.strategy_id for row in await self._rows.running(self._clock.now())}
        for strategy_id in restored - still:
            await self._cache.drop(by_id[strategy_id].start.strategy)

    async def _tell(self, kind: str, start: StartRun, text: str) -> None:
        strategy = start.strategy
        words = f"Strategy {strategy.strategy_id} ({strategy.symbol}): {text}."
        await self._alerts.raise_(Alarm(kind, words, strategy.user_id, strategy.strategy_id))
