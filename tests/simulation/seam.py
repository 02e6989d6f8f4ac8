"""Three days of a series under faults: the real runs, activities and reconciler at the seams between them."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, ClassVar
from uuid import UUID

from activities.reconciler import ReconcileActivities
from activities.series import SeriesActivities
from domain import failpoint
from domain.instrument import Segment
from domain.order import Side
from domain.ports import Clock
from domain.reconciler import Look
from domain.series import SeriesEnd, next_plan
from domain.session import exchange_time
from domain.terms import WEEK, Repeat, Terms
from execution.series_days import SeriesDays
from execution.series_rounds import SeriesRounds
from tests.fakes.cache_mark import MemoryMark
from tests.fakes.calendar import Weekdays
from tests.fakes.instruments import listing_nothing
from tests.fakes.noted_closes import comparing_nothing
from tests.fakes.rounds import MemoryRounds
from tests.fakes.trading_days import MemoryTradingDays
from tests.simulation.day import SimulatedDay
from tests.simulation.day_terms import BUY, EPOCH, SELL
from tests.simulation.exchange import OURS
from tests.simulation.faults import Fault
from tests.simulation.house import Orders, Runs
from tests.simulation.seam_house import SeriesOrders, SeriesReconciliation, SeriesRows, SeriesRuns
from tests.simulation.seam_runs import SeriesLoop, SeriesServer, SimulatedRuns
from tests.simulation.server import Server
from workflows import policies

DAY = 86_400.0
DAYS = (date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25))
"""Monday to Wednesday: all that the series has."""
MOMENTS = {
    "time.holding": BUY + 30,
    "time.selling": SELL + 0.03,
    "time.night": SELL + 12 * 3600,
    "time.before_binding": DAY + BUY - 60,
    "time.bound": DAY + BUY - 2,
    "time.second": DAY + BUY + 30,
}
PATROLS = (BUY - 1, BUY + 0.45, BUY + 0.95, SELL - 1, SELL + 0.45, SELL + 0.95)
MIDNIGHT = 14.5 * 3600
"""Seconds into the first day at which the exchange's next day begins."""
ENDS_BY = 3 * DAY
BUSY, SELDOM = 5.0, 7200.0
"""Seconds between two rounds of the reconciler: near a purchase or a sale, and in the night."""
NEAR = 60.0
BETWEEN = ", between two days"
"""What an operator ends while one run hands over to the next may be the run of a day that is over."""
HANDS_OVER_WITHIN = 45.0
"""Seconds: a worker may freeze for thirty with the answer that a run waits for."""
CANCEL_THEN_CRASH, CRASH_THEN_CANCEL = "CANCEL, crash", "crash, CANCEL"
"""A worker dies with the cancellation in its hands, or the cancellation comes while none has its work."""
UNHEARD = 1.0
"""Seconds after a worker has died: nobody has noticed yet."""
EDITED = 4
"""Shares, after the edit."""
STOP_TRIES, STOP_AGAIN = 5, 0.5


@dataclass(frozen=True, slots=True)
class Series:
    """What the days left behind: all a judge may look at."""

    faults: tuple[Fault, ...]
    bought: Sequence[tuple[float, date, int]]
    """When each purchase was sent, on which of the exchange's days, and of how many shares."""
    sold: Sequence[date]
    days: Sequence[date]
    """Those that are over, as the store has them."""
    events: Sequence[tuple[float, str]]
    ended_by: SeriesEnd | None
    running: bool
    open_runs: int
    together: Sequence[str]
    """Moments at which two runs were open, and had been for long."""
    keys_left: bool
    broken: str
    trace: Sequence[tuple[str, int]]
    triggered: Sequence[int]
    struck: Sequence[float]
    """When each fault struck."""


def play_series(faults: Sequence[Fault]) -> Series:
    """Play three days with these faults, always the same way."""
    logging.disable(logging.CRITICAL)
    loop = SeriesLoop()
    days = SimulatedSeries(loop, tuple(faults))
    failpoint.arm(days.failpoint)
    try:
        loop.run_until_complete(days.live())
        return days.left_behind()
    finally:
        loop.run_until_complete(days.end())
        failpoint.disarm()
        logging.disable(logging.NOTSET)


@dataclass(eq=False)
class SimulatedSeries(SimulatedDay):
    """A strategy that repeats on three days, with the faults that strike it."""

    runtime: ClassVar[type[Server]] = SeriesServer
    together: list[str] = field(default_factory=list)
    struck: list[float] = field(default_factory=list)
    two_since: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.start = replace(self.start, account=OURS, series_id=UUID(int=9))
        self.series.started(self.start)

    def house(self) -> tuple[Orders, Runs]:
        orders = SeriesOrders(self)
        runs = SeriesRuns(self, orders)
        self.series = SeriesRows(self, orders, runs)
        self.temporal = SimulatedRuns(self)  # type: ignore[arg-type]
        return orders, runs

    def more_rooms(self, clock: Clock) -> Sequence[object]:
        days = SeriesDays(
            self.series,
            MemoryTradingDays(trades=Weekdays()),
            clock,
            comparing_nothing(clock),
            listing_nothing(),
        )
        rows = SeriesReconciliation(clock, series=self.series, orders=self.orders)  # type: ignore[arg-type]
        reconciler = ReconcileActivities(
            *(rows, self.temporal, self.orders, self.cache, self.brokers, self.alerts, clock),
            *(MemoryMark("whole"), MemoryRounds()),
            SeriesRounds(self.series, days, self.temporal, clock),
        )
        return SeriesActivities(days, self.temporal, self.cache, self.alerts), reconciler

    def prepare(self) -> None:
        """Have the strategy repeat until its last day."""
        self.strategy = replace(self.strategy, terms=Terms(repeat=Repeat(WEEK, DAYS[-1])))
        plan = next_plan(self.strategy, Weekdays(), Segment.CASH, None, (), EPOCH)
        assert plan is not None
        self.plan = replace(plan, tick=self.plan.tick)

    async def live(self) -> None:
        await self.passing("before.day")
        self.server.cancel = self.temporal.cancel_of  # type: ignore[attr-defined]
        for name, moment in MOMENTS.items():
            self.loop.call_at(moment, self._moment, name)
        for number in range(len(DAYS)):
            for patrol in PATROLS:
                self.loop.call_at(number * DAY + patrol, self.hands.patrol)
            self.loop.call_at(number * DAY + MIDNIGHT, self.exchange.positions.clear)
        self.temporal.start(self.start)
        self.loop.create_task(self._reconcile())
        await asyncio.sleep(ENDS_BY)

    async def _reconcile(self) -> None:
        """Go round as the reconciler's run does; what fails is followed by the next round."""
        options = {
            "heartbeat_timeout": policies.RECONCILE_HEARTBEAT,
            "start_to_close_timeout": policies.RECONCILE_TIMEOUT,
            "schedule_to_close_timeout": None,
            "retry_policy": policies.RECONCILE_RETRY,
        }
        while True:
            await asyncio.sleep(self._pause())
            job = self.server.workflow_start_activity(ReconcileActivities.reconcile, Look(), **options)
            await asyncio.wait({job})
            job.exception()

    def _pause(self) -> float:
        since = self.now() % DAY
        near = since < SELL + NEAR or since >= DAY - NEAR
        if near or any(self.now() - at < NEAR for at, _ in self.events):
            return BUSY
        return min(SELDOM, DAY - NEAR - since)

    def begun(self) -> None:
        """Note where two runs are open for longer than one needs to hand over to the next."""
        open_ = [run for run in self.temporal.all if run.open]
        if len(open_) < 2:
            self.two_since = None
            return
        self.two_since = self.now() if self.two_since is None else self.two_since
        if self.now() - self.two_since > HANDS_OVER_WITHIN:
            days = ", ".join(f"{run.start.plan.trading_day}" for run in open_)
            self.together.append(f"{self.now():.2f}: {days}")

    async def passing(self, point: str) -> str:
        self.begun()
        if (point, self.counts[point] + 1) in self.armed:
            self.struck.append(self.now())
        return await super().passing(point)

    async def _act(self, action: str, point: str) -> None:
        if action == CANCEL_THEN_CRASH:
            self.event("CANCEL")
        elif action == CRASH_THEN_CANCEL:
            self.loop.call_later(UNHEARD, self.event, "CANCEL")
        else:
            return await super()._act(action, point)
        return await super()._act("crash", point)

    def _down(self, room: str, point: str, until: float) -> None:
        super()._down("log" if room == "series" else room, point, until)

    def _happen(self, name: str) -> None:
        if name in ("TERMINATE", "CANCEL"):
            if not self._is_of_the_day():
                self.events[-1] = self.now(), f"{name}{BETWEEN}"
            (self.temporal.terminate if name == "TERMINATE" else self.temporal.cancel)()
        elif name == "KILL SWITCH":
            self._do(self.series.end(SeriesEnd.KILL_SWITCH))
        elif name == "STOP":
            self._do(self._stop_series())
        elif name == "EDIT":
            row = self.series.row
            row.strategy = replace(row.strategy, quantity=EDITED)
        elif name == "SKIP":
            self.series.row.left_out.add(DAYS[1])
        else:
            raise ValueError(name)

    def _is_of_the_day(self) -> bool:
        """Tell whether the run of the day on which the series stands is open, and no other."""
        open_ = [run for run in self.temporal.all if run.open]
        return [run.start.start_id for run in open_] == [self.series.row.start.start_id]

    def _do(self, work: Any) -> None:
        self.loop.create_task(work, context=self.outside.copy())

    async def _stop_series(self) -> None:
        """Stop as `services.strategies.stop` does: the row first, then whichever run is there."""
        await self.series.end(SeriesEnd.STOPPED)
        for _ in range(STOP_TRIES):
            await self.temporal.stop(self.series.row.workflow_id)
            if not self.series.row.running:
                return
            await asyncio.sleep(STOP_AGAIN)

    def left_behind(self) -> Series:
        ours = [entry for entry in self.exchange.ledger if entry.account == OURS]
        return Series(
            faults=self.faults,
            bought=[
                (entry.at, self._day(entry.at), entry.quantity)
                for entry in ours
                if entry.what == "sent" and entry.side is Side.BUY
            ],
            sold=[self._day(e.at) for e in ours if e.what == "filled" and e.side is Side.SELL],
            days=self.series.row.days,
            events=self.events,
            ended_by=self.series.row.ended_by,
            running=self.series.row.running,
            open_runs=sum(run.open for run in self.temporal.all),
            together=self.together,
            keys_left=bool(self.cache.loaded),
            broken=self.broken,
            trace=self.trace,
            triggered=self.triggered,
            struck=self.struck,
        )

    def _day(self, at: float) -> date:
        return exchange_time(EPOCH + timedelta(seconds=at)).date()
