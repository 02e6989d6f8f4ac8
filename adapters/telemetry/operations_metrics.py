"""Operations metrics: what needs an operator, read from Postgres, Redis and Temporal every fifteen seconds.

Each worker reads the same tables, so a sum over workers counts twice: use the maximum.
"""

import math
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry, Gauge

from adapters.postgres.operator_alerts import PostgresOperatorAlerts
from adapters.postgres.watchers import Watchers
from domain.errors import Unavailable
from domain.ports import Clock, OverdueRuns
from domain.reconciler import why_still

EVERY = 15.0
"""Seconds between two readings: four small queries, beside the hundreds a second of a busy morning."""
SOON = timedelta(minutes=30)
"""Logins that are missing in the night are as it should be; this long before the order the user must act."""

log = structlog.stdlib.get_logger("operations")


class OperationsMetrics:
    """The gauges. An unreadable one is NaN, and `read_at` reveals old readings: unknown is not zero."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            made = Gauge(f"stopwatch_{name}", text, registry=registry)
            made.set(math.nan)
            return made

        self.unknown = gauge("orders_unknown", "Orders that were sent and have no answer yet")
        self.in_doubt = gauge(
            "orders_in_doubt", "Orders that need a person, as `stopwatch positions` lists them"
        )
        self.left = gauge("positions_left", "Stopped strategies that hold shares nobody chose to keep")
        self.oversold = gauge(
            "positions_oversold", "Strategies that sold more today than they bought, or than the account had"
        )
        self.logins_today = gauge(
            "logins_needed", "Orders due later today whose login does not last until then"
        )
        self.logins_soon = gauge("logins_needed_soon", "The same, of orders that are due within half an hour")
        self.stuck = gauge("runs_stuck", "Runs whose own steps fail again and again in Temporal")
        self.round_age = gauge(
            "reconciler_age_seconds", "Seconds since the reconciler last went round; infinite: never"
        )
        self.account_age = gauge(
            "account_read_age_seconds", "Seconds since the account that waits longest was read; 0: none holds"
        )
        self.watch_age = gauge(
            "stop_watch_age_seconds",
            "Seconds since the held stop that waits longest was watched; 0: none held",
        )
        self.overdue = gauge(
            "runs_overdue", "Runs that have not done what was due, as `stopwatch positions` lists them"
        )
        self.step_age = gauge(
            "run_step_age_seconds", "Seconds since the longest overdue step of a run was due; 0: none is"
        )
        self.backup_age = gauge(
            "backup_age_seconds", "Seconds since the newest checked backup was written; infinite: never"
        )
        self.base_backup_age = gauge(
            "base_backup_age_seconds",
            "Seconds since the newest base backup was written and verified; infinite: never",
        )
        self.wal_archive_age = gauge(
            "wal_archive_age_seconds",
            "Seconds of the newest past that are not in the WAL archive; infinite: there is none",
        )
        self.drill_age = gauge(
            "restore_drill_age_seconds",
            "Seconds since a backup was last restored without a fault; infinite: never",
        )
        self.queued = gauge("queue_depth", "Hit stops on the stream queue:orders that no worker has taken")
        self.read_at = gauge("desk_read_timestamp_seconds", "When these were last read in full, epoch")
        self.read_at.set(0)  # never: as old as can be, so that the alert fires


class OperationsWatch:
    """Reads the metrics. `queued` counts events on the workers' queue, `stuck` runs that fail in Temporal.

    `still` says why the reconciler counts as stalled; None while it does not, or its state is unknown.
    """

    def __init__(
        self,
        numbers: OperationsMetrics,
        operator_alerts: PostgresOperatorAlerts,
        queued: Callable[[], Awaitable[int]],
        stuck: Callable[[], Awaitable[int]],
        clock: Clock,
        watchers: Watchers,
        overdue_runs: OverdueRuns,
    ) -> None:
        self._numbers = numbers
        self._operator_alerts = operator_alerts
        self._queued = queued
        self._stuck = stuck
        self._clock = clock
        self._watchers = watchers
        self._overdue_runs = overdue_runs
        self._began = clock.monotonic()
        self.still: str | None = None

    async def run(self) -> None:
        """Read until cancelled; a failed reading does not end the watch."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("reading metrics failed; retrying")
            await self._clock.sleep(EVERY)

    async def look(self) -> None:
        """Read every metric once; an unreadable one becomes NaN and leaves `read_at` unchanged."""
        numbers = self._numbers
        read = [
            await self._read(numbers.unknown, self._operator_alerts.unanswered),
            await self._read(numbers.in_doubt, self._in_doubt),
            await self._read(numbers.left, self._left),
            await self._read(numbers.oversold, self._oversold),
            await self._read_logins(),
            await self._read(numbers.queued, self._queued),
            await self._read(numbers.stuck, self._stuck),
            await self._read(numbers.round_age, self._round_age),
            await self._read(numbers.account_age, self._account_age),
            await self._read(numbers.watch_age, self._watch_age),
            await self._read(numbers.backup_age, self._backup_age),
            await self._read(numbers.base_backup_age, self._base_backup_age),
            await self._read(numbers.wal_archive_age, self._wal_archive_age),
            await self._read(numbers.drill_age, self._drill_age),
            await self._read_overdue(),
        ]
        if all(read):
            numbers.read_at.set(self._clock.now().timestamp())

    async def _in_doubt(self) -> int:
        return len(await self._operator_alerts.in_doubt())

    async def _left(self) -> int:
        return len(await self._operator_alerts.left_over())

    async def _oversold(self) -> int:
        differing = await self._operator_alerts.differing()
        short = sum(one.kind == "oversold" for one in differing)
        return short + len(await self._operator_alerts.sold_twice())

    async def _round_age(self) -> float:
        self.still = None  # unknown, unless the next line finds out
        age = await self._watchers.round_age()
        self.still = why_still(age, timedelta(seconds=self._clock.monotonic() - self._began))
        return _seconds(age)

    async def _account_age(self) -> float:
        age = await self._watchers.account_age()
        return age.total_seconds() if age is not None else 0.0

    async def _watch_age(self) -> float:
        age = await self._watchers.watch_age()
        return age.total_seconds() if age is not None else 0.0

    async def _backup_age(self) -> float:
        return _seconds(await self._watchers.backup_age())

    async def _base_backup_age(self) -> float:
        return _seconds(await self._watchers.base_backup_age())

    async def _wal_archive_age(self) -> float:
        return _seconds(await self._watchers.wal_archive_age())

    async def _drill_age(self) -> float:
        return _seconds(await self._watchers.drill_age())

    async def _read_overdue(self) -> bool:
        numbers, now = self._numbers, self._clock.now()
        try:
            overdue = await self._overdue_runs.overdue()
        except Unavailable:
            numbers.overdue.set(math.nan)
            numbers.step_age.set(math.nan)
            return False
        numbers.overdue.set(len(overdue))
        numbers.step_age.set(max((now - run.due_at).total_seconds() for run in overdue) if overdue else 0)
        return True

    async def _read_logins(self) -> bool:
        now = self._clock.now()
        try:
            needed = await self._operator_alerts.logins_needed(now)
        except Unavailable:
            self._numbers.logins_today.set(math.nan)
            self._numbers.logins_soon.set(math.nan)
            return False
        self._numbers.logins_today.set(len(needed))
        self._numbers.logins_soon.set(sum(one.due_at - now <= SOON for one in needed))
        return True

    @staticmethod
    async def _read(gauge: Gauge, count: Callable[[], Awaitable[float]]) -> bool:
        try:
            gauge.set(await count())
        except Unavailable:
            gauge.set(math.nan)
            return False
        return True


def _seconds(age: timedelta | None) -> float:
    """Return the age in seconds; infinite for an event that never happened."""
    return math.inf if age is None else age.total_seconds()
