"""One strategy's day under faults: the real run and activities, on an exchange and a house in memory."""

import asyncio
import contextvars
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from activities.degraded_exit import DegradedExitActivities
from activities.exit_waits import ExitWaitActivities
from activities.orders import OrderActivities
from activities.reentry import ReentryActivities
from activities.runs import RunActivities
from activities.sessions import SessionActivities
from domain.errors import CacheUnavailable, StoreUnavailable
from domain.order import OrderTerms, Reason
from domain.ports import Clock
from domain.run import RUN_VERSION, RunView, StartRun
from domain.session import DayPlan
from domain.strategy import Product, Strategy
from domain.terms import Target, Terms
from domain.trigger import TriggerKind
from execution.degraded_exit import DegradedExit
from execution.execution_rules import ExecutionRules
from execution.order_path import OrderPath
from tests.fakes.outages import MemoryOutages
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays
from tests.simulation.accounts import Accounts
from tests.simulation.day_clock import DayClock, TimedAlerts, alive
from tests.simulation.day_terms import (
    AFTERWARDS,
    BEFORE,
    BUY,
    CLOSE,
    ENTRIES,
    EPOCH,
    GARBAGE,
    HIT,
    MOMENTS,
    MOST,
    OUTRUNS,
    PATROLS,
    REACHED,
    REENTER,
    SELL,
    STOP_LOSS,
    TARGET,
    WANTED,
    at,
)
from tests.simulation.exchange import OURS, Exchange
from tests.simulation.faults import Fault
from tests.simulation.hands import Hands
from tests.simulation.house import Cache, Orders, Runs
from tests.simulation.loop import VirtualLoop
from tests.simulation.others import Others
from tests.simulation.played import Played
from tests.simulation.server import GoesOn, Killed, Server, attempt_now
from workflows.strategy_run import StrategyRun

RULES = ExecutionRules()
_ANSWERING = frozenset({"place", "log", "runs", "cache", "read", "cancel", "modify", "before"})
"""Points that ask what is to happen there: it is answered, and no event of the day."""


@dataclass(eq=False)
class SimulatedDay:
    """One day of one strategy, with the faults that strike it."""

    loop: VirtualLoop
    faults: tuple[Fault, ...]
    skew: float = 0.0
    store_down_until: float = -1.0
    store_was_down: bool = False
    cache_down_until: float = -1.0
    broken: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[tuple[str, int]] = field(default_factory=list)
    triggered: list[int] = field(default_factory=list)
    events: list[tuple[float, str]] = field(default_factory=list)
    crossed: list[tuple[float, float]] = field(default_factory=list)
    finished_at: float | None = None
    stopped_at: float | None = None
    over: bool = False
    stopped_with_keys: bool = False

    def __post_init__(self) -> None:
        self.armed = {(fault.point, fault.nth): fault.action for fault in self.faults}
        self.exchange = Exchange(self, EPOCH)
        self.brokers = Accounts(self.exchange)
        self.orders, self.runs = self.house()
        self.cache = Cache(self, self.now)
        self.others = Others(self, self.exchange)
        self.alerts = TimedAlerts(now=self.now)
        self.outside = contextvars.copy_context()
        clock = DayClock(self)
        path = OrderPath.on(
            self.orders,
            self.cache,
            self.brokers,
            clock,
            MemoryTradingDays(),
            self.alerts,
            MemoryRestingStops(),
            RULES,
        )
        self.hands = Hands(self, self.orders, path, clock)
        orders = OrderActivities(path.entries, path.exits, path.sender, self.hands)  # type: ignore[arg-type]
        runs = RunActivities(self.runs, self.cache, self.alerts)
        waits = ExitWaitActivities(path.lifts, path.exits)
        sessions = SessionActivities(MemoryTradingDays(), MemoryOutages(), self.runs, self.alerts, clock)
        off_books = DegradedExitActivities(DegradedExit(self.orders, self.brokers, clock, RULES.horizons))
        activities = {
            name: getattr(room, name)
            for room in (
                *(orders, runs, off_books, waits, sessions, ReentryActivities(path.prices)),
                *self.more_rooms(clock),
            )
            for name in dir(room)
            if hasattr(getattr(room, name), "__temporal_activity_definition")
        }
        self.server = self.runtime(self.loop, EPOCH, activities)
        self.strategy = Strategy(
            *(UUID(int=1000), UUID(int=7), "TCS", time(9, 30, 20), time(9, 31, 20), STOP_LOSS, WANTED),
            terms=Terms(target=Target(price=TARGET)),
        )
        opened = EPOCH - timedelta(hours=1)
        self.plan = DayPlan(date(2026, 11, 23), at(BUY), at(SELL), opened, at(CLOSE), tick=Decimal("0.05"))
        for words in (fault.action for fault in self.faults if fault.point == BEFORE):
            self._given(words)
        self.strategy = replace(self.strategy, product=self.exchange.product)
        self.prepare()
        self.start = StartRun(UUID(int=5), self.strategy, self.plan, version=RUN_VERSION, account=OURS)
        self.run = StrategyRun(self.start)
        self.result: asyncio.Task[RunView] | None = None

    runtime: ClassVar[type[Server]] = Server

    def house(self) -> tuple[Orders, Runs]:
        """Make the order log and the run store."""
        orders = Orders(self)
        return orders, Runs(self, orders)

    def more_rooms(self, clock: Clock) -> Sequence[object]:
        """Return the objects that hold further activities."""
        return ()

    def prepare(self) -> None:
        """Change what the day begins with, before its run is made."""

    # The day.

    async def live(self) -> None:
        await self.passing(BEFORE)
        await self.passing("start.day")
        for name, moment in MOMENTS.items():
            self.loop.call_at(moment, self._moment, name)
        for patrol in PATROLS:
            self.loop.call_at(patrol, self.hands.patrol)
        self.result = asyncio.ensure_future(self._runs())
        await asyncio.wait({self.result}, timeout=2 * 3600)
        if not self.result.done():
            self.broken = self.broken or "the run never ended"
        elif not self.result.cancelled() and self.result.exception() is not None:
            self.broken = f"the run failed: {self.result.exception()!r}"
        self.finished_at = self.now()
        await asyncio.sleep(AFTERWARDS)

    async def _runs(self) -> RunView:
        """Play the day's run, and the runs in which it goes on."""
        start = self.start
        while True:
            try:
                return await self.run.run(start)
            except GoesOn as more:
                start = more.start
                self.server.begin_run()
                self.run = StrategyRun(start)

    async def end(self) -> None:
        """Let nothing of the day live on."""
        self.over = True
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=0)

    def played(self) -> Played:
        finished = self.runs.finished
        crossed = [(begun, min(ended, self.now())) for begun, ended in self.crossed]
        return Played(
            faults=self.faults,
            ledger=self.exchange.ledger,
            rows=list(self.orders.rows.values()),
            finished=finished,
            finished_at=self.finished_at if finished else None,
            stopped_at=self.stopped_at,
            view=self.run.view(),
            alarms=[f"{alarm.kind}: {alarm.text}" for alarm in self.alerts.raised],
            alarmed=self.alerts.at,
            lines=[f"{once.partition(':')[0]}: {line}" for once, line in self.orders.lines.items()],
            product=self.exchange.product,
            own=self.exchange.own,
            left=self.exchange.there(self.exchange.product),
            events=self.events,
            crossed=crossed,
            store_was_down=self.store_was_down,
            keys_left=bool(self.cache.loaded),
            stopped_with_keys=self.stopped_with_keys,
            broken=self.broken,
            trace=self.trace,
            triggered=self.triggered,
        )

    def now(self) -> float:
        return self.loop.time()

    def store_now(self) -> datetime:
        return at(self.now())

    def is_leaving(self) -> bool:
        return self.runs.phases[-1:] == ["exiting"]

    def terms(self) -> OrderTerms:
        return OrderTerms("NSE", "TCS", self.exchange.product, OURS, self.plan.most)

    def store_is_down(self) -> bool:
        return self.store_down_until > self.now()

    def stopped(self) -> None:
        """Note that Postgres says stopped from now on."""
        self.stopped_at = self.now()
        self.stopped_with_keys = bool(self.cache.loaded) and self.cache_down_until < 0

    def intent_is_written(self, tag: str) -> bool:
        return any(row.tag == tag for row in self.orders.rows.values())

    def _given(self, words: str) -> None:
        """Let the day begin with what the words say."""
        for part in words.split(" and "):
            if part == "MIS":
                self.exchange.product = Product.MIS
            elif part == "SLICES":
                self.plan = replace(self.plan, most=MOST)
            elif part == "AGAIN":
                self.strategy = replace(self.strategy, terms=replace(self.strategy.terms, reenter=REENTER))
            elif part in ENTRIES:
                self.strategy = replace(
                    self.strategy, terms=replace(self.strategy.terms, entry=ENTRIES[part])
                )
                self.exchange.outruns = OUTRUNS
            else:
                self.exchange.own = int(part.removeprefix("own "))

    # Points.

    async def failpoint(self, step: str) -> None:
        await self.passing(step)

    async def passing(self, point: str) -> str:
        if self.over:
            raise Killed
        alive()
        self.counts[point] += 1
        here = point, self.counts[point]
        self.trace.append(here)
        action = self.armed.pop(here, "")
        if action:
            self.triggered.append(len(self.trace) - 1)
            await self._act(action, point)
        return action

    async def storing(self, point: str) -> bool:
        action = await self.passing(point)
        away = action == "fail" or self.store_down_until > self.now()
        self.store_was_down |= away or action == "commit lost"
        if away:
            raise StoreUnavailable("Postgres did not answer")
        return action == "commit lost"

    async def caching(self, point: str) -> None:
        await self.passing(point)
        if self.cache_down_until > self.now():
            raise CacheUnavailable("Redis did not answer")

    def _moment(self, name: str) -> None:
        self.counts[name] += 1
        here = name, 1
        self.trace.append(here)
        action = self.armed.pop(here, "")
        if action:
            self.triggered.append(len(self.trace) - 1)
            self.event(action)

    async def _act(self, action: str, point: str) -> None:
        room = point.partition(".")[0]
        word, _, number = action.rpartition(" ")
        if action == "crash" or word == "freeze":
            for later in (0.65, 1.55, 2.05):
                self.loop.call_later(later, self.hands.patrol)
        if action == "crash":
            attempt = attempt_now.get()
            self.server.kill_worker(attempt.worker if attempt else self.server.worker)
            raise Killed
        if word == "freeze":
            await self.server.freeze(float(number))
            alive()
        elif word == "clock":
            self.skew = float(number)
        elif word == "dead login" and room == "read":
            self.exchange.kill_login(float(number))
        elif word == "down":
            self._down(room, point, self.now() + float(number))
        elif room not in _ANSWERING or action.startswith(("HAND", "BROKER")):
            self.event(action)

    def _down(self, room: str, point: str, until: float) -> None:
        if room in ("log", "runs"):
            self.store_down_until = until
        elif room == "cache":
            self.cache_down_until = until
        else:
            self.exchange.dead[point] = until

    # What people and prices do.

    def event(self, name: str) -> None:
        """Let something happen to the run from outside."""
        if name == "DIP twice":
            self.event("DIP")
            return self.event("DIP")
        if " then " in name:
            for part in name.split(" then "):
                self.event(part)
            return None
        if name.startswith("OFFER"):
            return self.exchange.offer_by_hand(int(name.removeprefix("OFFER")))
        if name.startswith("WITHDRAW"):
            return self.exchange.withdraw(filled="filled" in name)
        if name.startswith(("HAND", "BROKER")):
            done = self.others.do(name)
            if done:
                self.events.append((self.now(), done))
            return None
        self.events.append((self.now(), name))
        return self._happen(name)

    def _happen(self, name: str) -> None:
        if name == "FALL":
            self.exchange.price = STOP_LOSS
            self.crossed.append((self.now(), float("inf")))
            self.loop.create_task(self._listen(HIT, TriggerKind.STOP), context=self.outside.copy())
        if name == "RISE":
            self.exchange.price = TARGET
            self.loop.create_task(self._listen(REACHED, TriggerKind.TARGET), context=self.outside.copy())
        if self.result is None or self.result.done():
            return
        if name in ("DIP", "FALL"):
            self._signal(HIT)
            self.hands.sell_at_once(Reason.STOPLOSS)
        elif name == "RISE":
            self._signal(REACHED, TriggerKind.TARGET)
            self.hands.sell_at_once(Reason.TARGET)
        elif name == "GARBAGE":
            for message in GARBAGE:
                self._signal(message)
        elif name == "CANCEL":
            self.result.cancel()
        elif name.startswith("STOP"):
            wish = {"on_stop": "keep"} if name.endswith("keep") else None
            self.loop.create_task(self._stop(wish), context=self.outside.copy())

    def _signal(self, message: object, kind: TriggerKind = TriggerKind.STOP) -> None:
        try:
            (self.run.stop_loss if kind is TriggerKind.STOP else self.run.target)(message)
        except Exception as stuck:  # Temporal would try that workflow task again for ever
            self.broken = f"a signal handler raised {stuck!r}: the run is stuck"

    async def _stop(self, wish: object) -> None:
        self.server.handlers += 1
        try:
            await StrategyRun.stop(self.run, wish)
        finally:
            self.server.handlers -= 1

    async def _listen(self, message: object, kind: TriggerKind) -> None:
        """The listener, as far as it counts here: level-triggered while shares are held."""
        while self.result is not None and not self.result.done():
            bought = any(row.filled_quantity for row in self.orders.rows.values() if row.key.leg == "entry")
            if bought and "exiting" not in self.runs.phases:
                self._signal(message, kind)
            await asyncio.sleep(5)
