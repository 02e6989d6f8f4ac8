"""The executor on the real wire: every fault of the paper exchange, on a BUY and on a SELL, and together.

All cases run at once, each on an account of its own; the exchange's ledger tells what was really done.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.orders import OrderActivities
from adapters.kite.broker import KiteBroker
from adapters.kite.client import KiteClient
from adapters.kite.connection_pool import ConnectionPool
from adapters.process.clock import SystemClock
from domain.errors import LoginNeeded
from domain.leg import Horizons
from domain.order import Attempt, Leg, LegKey, OrderStatus, OrderTerms, Reason
from domain.ports import Broker
from domain.run import Entered, EnterOrder, Exited, ExitOrder
from domain.strategy import Outcome, Product
from execution.execution_rules import ExecutionRules
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.armed import ForgetfulOrders, MemoryScheduledOrderLog
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays
from tests.paper_process import PaperAccount, PaperProcess

TCS = OrderTerms("NSE", "TCS", Product.CNC)
QUANTITY = 10
HORIZON = 3.0
"""Seconds for which an unanswered order is looked for here; 120 and 20 in the product."""
RULES = ExecutionRules(
    entry_fill=1,
    exit_fill=1,
    horizons=Horizons(entry=timedelta(seconds=HORIZON), exit_resend=timedelta(seconds=HORIZON)),
)
OVER = {"COMPLETE", "CANCELLED", "REJECTED"}
UNRESOLVED = {OrderStatus.SENT, OrderStatus.OPEN}
"""A planned attempt was never sent: one is left over where the attempt before it turned up late."""


@dataclass(frozen=True)
class Fault:
    """One fault of the paper exchange."""

    kind: str
    path: str | None = None
    extent: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        words = (self.kind, self.path, *(f"{name}={value:g}" for name, value in self.extent.items()))
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class Case:
    """What the exchange does to one side's order: faults before it comes, and more once it was placed."""

    side: str
    faults: tuple[Fault, ...]
    later: tuple[Fault, ...] = ()
    login_after: float | None = None
    bought: int = QUANTITY
    adrift: int = 0
    """Shares that a lost entry bought after the executor had given it up in doubt."""

    def __str__(self) -> str:
        later = f" then {' + '.join(map(str, self.later))}" if self.later else ""
        return f"{self.side}: {' + '.join(map(str, self.faults))}{later}"


@dataclass(frozen=True)
class Story:
    """What became of a case."""

    entered: Entered
    exited: Exited | None
    attempts: list[Attempt]
    ledger: list[dict[str, Any]]
    refused: list[dict[str, Any]]

    def orders(self, side: str) -> list[dict[str, Any]]:
        return [row for row in self.ledger if row["transaction_type"] == side]

    def filled(self, side: str) -> int:
        return sum(row["filled_quantity"] for row in self.orders(side))


class Account:
    """One account at the paper exchange: `domain.ports.Brokers` for one user, with its logins."""

    def __init__(self, paper: PaperProcess, wire: ConnectionPool) -> None:
        self._paper = paper
        self._wire = wire
        self.owner = paper.account(cash=1_000_000)
        self._broker: KiteBroker | None = self._logged_in(self.owner)

    async def of(self, user_id: UUID, account: str) -> Broker:
        if self._broker is None:
            raise LoginNeeded("log in at your broker")
        return self._broker

    async def login_died(self, user_id: UUID, broker: Broker) -> None:
        if self._broker is broker:
            self._broker = None

    def morning_login(self) -> None:
        self._broker = self._logged_in(self._paper.account(self.owner.user_id))

    def _logged_in(self, owner: PaperAccount) -> KiteBroker:
        calls = KiteClient(owner.api_key, owner.access_token, self._paper.url, self._wire)
        return KiteBroker(calls, SystemClock())


class House:
    """Everything that trades one case: the product's own parts, but for Postgres, Redis and Temporal."""

    def __init__(self, paper: PaperProcess, account: Account) -> None:
        clock = SystemClock()
        self.paper = paper
        self.account = account
        self.log = MemoryOrderLog(clock)
        cache = MemoryCache()
        path = OrderPath.on(
            self.log, cache, account, clock, MemoryTradingDays(), MemoryAlerts(), MemoryRestingStops(), RULES
        )
        parts = path.entries, path.exits, path.sender
        forgetful = ForgetfulOrders(MemoryScheduledOrderLog(self.log), *parts, clock, "forgetful")
        self._orders = OrderActivities(*parts, forgetful)
        self._key = LegKey(uuid4(), uuid4(), date(2026, 11, 23), 1, Leg.ENTRY)

    async def trade(self, case: Case) -> Story:
        """Buy and sell, under the case's faults."""
        if case.side == "BUY":
            entered = await self._under(case, self._buy())
        else:
            entered = await self._buy()
        exited = None
        if entered.filled:
            sale = self._sell(entered.filled)
            exited = await (self._under(case, sale) if case.side == "SELL" else sale)
        await self._nothing_is_on_its_way()
        return await self._story(entered, exited)

    async def _buy(self) -> Entered:
        """Attempt as Temporal would: three times, then find out what became of it."""
        order = EnterOrder(self._key, TCS, QUANTITY, Decimal(100), datetime.now(UTC))
        for pause in (0.5, 1.0, 0.0):
            try:
                entered: Entered = await ActivityEnvironment().run(self._orders.enter, order)
            except Exception:
                await asyncio.sleep(pause)
            else:
                return entered
        settled: Entered = await ActivityEnvironment().run(self._orders.settle_entry, order)
        return settled

    async def _sell(self, bought: int) -> Exited:
        """Attempt as the run does: until everything is sold."""
        key = LegKey(self._key.strategy_id, self._key.user_id, self._key.trading_day, 1, Leg.EXIT)
        while True:
            order = ExitOrder(key, TCS, bought, Reason.SELL, datetime.now(UTC), None)
            try:
                exited: Exited = await ActivityEnvironment().run(self._orders.exit, order)
            except Exception:
                await asyncio.sleep(0.5)
            else:
                return exited

    async def _under(self, case: Case, work: Any) -> Any:
        """Do the work while the case's faults strike."""
        for fault in case.faults:
            await self._arm(case, fault)
        done, _ = await asyncio.gather(work, self._later(case))
        return done

    async def _later(self, case: Case) -> None:
        while case.later and not await self._arrived(case.side):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        for fault in case.later:
            await self._arm(case, fault)
        if case.login_after is not None:
            await asyncio.sleep(case.login_after)
            await asyncio.to_thread(self.account.morning_login)

    async def _arm(self, case: Case, fault: Fault) -> None:
        match = {"user_id": self.account.owner.user_id}
        if fault.path:
            match["path"] = fault.path
        elif fault.kind != "token_expired":
            match["side"] = case.side
        await asyncio.to_thread(self.paper.fault, fault.kind, match, **fault.extent)

    async def _arrived(self, side: str) -> bool:
        return any(row["transaction_type"] == side for row in await self._mine("ledger"))

    async def _nothing_is_on_its_way(self) -> None:
        """Wait until the exchange has taken or refused every order that the executor gave up in doubt."""
        doubtful = {row.tag for row in self.log.rows.values() if row.status is OrderStatus.ABSENT}
        arrived: set[str] = set()
        while not doubtful <= arrived:
            over = [row for row in await self._mine("ledger") if row["status"] in OVER]
            arrived = {row["tag"] for row in (*over, *await self._mine("refused"))}
            await asyncio.sleep(0.1)

    async def _mine(self, list_: str) -> list[dict[str, Any]]:
        rows = await asyncio.to_thread(getattr(self.paper, list_))
        return [row for row in rows if row["user_id"] == self.account.owner.user_id]

    async def _story(self, entered: Entered, exited: Exited | None) -> Story:
        attempts = sorted(self.log.rows.values(), key=lambda row: (row.key.leg, row.attempt))
        placements = [row for row in await self._mine("refused") if row["method"] == "POST"]
        return Story(entered, exited, attempts, await self._mine("ledger"), placements)


def fault(kind: str, path: str | None = None, **extent: float) -> Fault:
    return Fault(kind, path, extent)


LOST = ("accept_then_hang", "accept_then_reset", "http_503_but_placed")
NOT_PLACED = ("hang_without_accept", "http_503", "html_502")
PARTIAL = ("partial_fill", "partial_then_cancel")
LATE = fault("late_visibility", delay=1.5)
LATER_THAN_THE_HORIZON = fault("late_visibility", delay=HORIZON + 3)
TAKEN_LATE = fault("timeout_400_then_place", delay=1)
TAKEN_TOO_LATE = fault("timeout_400_then_place", delay=HORIZON + 2)
DEAD = fault("token_expired")

ALONE = [
    # An answer that is lost is found in the book; one that never comes is not sent again for a BUY.
    *(Case(side, (fault(kind),)) for kind in LOST for side in ("BUY", "SELL")),
    *(Case("BUY", (fault(kind),), bought=0) for kind in NOT_PLACED),
    *(Case("SELL", (fault(kind),)) for kind in NOT_PLACED),
    *(Case(side, (TAKEN_LATE,)) for side in ("BUY", "SELL")),
    Case("BUY", (TAKEN_TOO_LATE,), bought=0, adrift=QUANTITY),
    Case("SELL", (TAKEN_TOO_LATE,)),
    # Taken when the executor had proved it absent, and before the next attempt could pass.
    Case("SELL", (TAKEN_TOO_LATE, fault("rate_limit_429", count=12))),
    # Answers that are plain.
    *(Case(side, (fault("rate_limit_429"),)) for side in ("BUY", "SELL")),
    *(Case(side, (fault("slow", delay=1),)) for side in ("BUY", "SELL")),
    Case("BUY", (fault("rate_limit_429", count=3),), bought=0),
    Case("SELL", (fault("rate_limit_429", count=4),)),
    Case("BUY", (fault("reject_400"),), bought=0),
    Case("SELL", (fault("reject_400"),)),
    # Books and fills.
    *(Case(side, (LATE,)) for side in ("BUY", "SELL")),
    *(Case(side, (LATER_THAN_THE_HORIZON,)) for side in ("BUY", "SELL")),
    Case("BUY", (fault("stuck_open_pending"),), bought=0),
    Case("SELL", (fault("stuck_open_pending"),)),
    Case("BUY", (fault("reject_async"),), bought=0),
    Case("SELL", (fault("reject_async"),)),
    *(
        Case("BUY", (fault(kind, fraction=0.4),), bought=4)
        for kind in ("partial_fill", "partial_then_cancel")
    ),
    *(Case("SELL", (fault(kind, fraction=0.4),)) for kind in ("partial_fill", "partial_then_cancel")),
    # A login that died is renewed.
    *(Case(side, (DEAD,), login_after=1.5) for side in ("BUY", "SELL")),
]

IN_DOUBT = [
    # The answer is lost, and so is the look at the book.
    *(Case(side, (fault("accept_then_reset"), LATE)) for side in ("BUY", "SELL")),
    Case("BUY", (fault("accept_then_reset"), LATER_THAN_THE_HORIZON), bought=0, adrift=QUANTITY),
    Case("SELL", (fault("accept_then_reset"), LATER_THAN_THE_HORIZON)),
    *(
        Case(side, (fault("accept_then_reset"),), (fault(kind, "/orders", seconds=2),))
        for kind in ("http_503", "html_502", "hang_without_accept")
        for side in ("BUY", "SELL")
    ),
    Case("SELL", (fault("http_503"), fault("http_503", "/portfolio", seconds=HORIZON + 2))),
    Case("SELL", (fault("http_503"), fault("html_502", "/portfolio", seconds=HORIZON + 2))),
    # The token dies with the order under way, and is renewed after the horizon.
    *(
        Case(side, (fault(kind),), (DEAD,), login_after=HORIZON + 1)
        for kind in ("accept_then_reset", "stuck_open_pending")
        for side in ("BUY", "SELL")
        if (kind, side) != ("stuck_open_pending", "BUY")
    ),
    Case("BUY", (fault("stuck_open_pending"),), (DEAD,), login_after=HORIZON + 1, bought=0),
]

FILLS = {"reject_async": 0, "partial_fill": 5, "partial_then_cancel": 5}
TOGETHER = [
    Case(side, (answer, book, fault(fill)), bought=FILLS[fill] if side == "BUY" else QUANTITY)
    for answer, book, fill, side in itertools.product(
        (fault("accept_then_reset"), fault("http_503_but_placed"), TAKEN_LATE, fault("slow")),
        (LATE,),
        FILLS,
        ("BUY", "SELL"),
    )
] + [
    Case(side, (answer, fault("stuck_open_pending")), bought=0 if side == "BUY" else QUANTITY)
    for answer in (fault("accept_then_reset"), fault("http_503_but_placed"), TAKEN_LATE, fault("slow"))
    for side in ("BUY", "SELL")
]
CASES = {str(case): case for case in (*ALONE, *IN_DOUBT, *TOGETHER)}


@pytest.fixture(scope="module")
async def stories() -> AsyncIterator[dict[str, Story | BaseException]]:
    """Trade every case at once."""
    with PaperProcess("--seed", "7") as paper:
        paper.price("TCS", 3550)
        wire = ConnectionPool()

        async def traded(case: Case) -> Story:
            account = await asyncio.to_thread(Account, paper, wire)
            async with asyncio.timeout(40):
                return await House(paper, account).trade(case)

        told = await asyncio.gather(*map(traded, CASES.values()), return_exceptions=True)
        yield dict(zip(CASES, told, strict=True))
        wire.close()


@pytest.mark.parametrize("name", CASES)
def test_traded_once_when(name: str, stories: dict[str, Story | BaseException]) -> None:
    case, story = CASES[name], stories[name]
    assert isinstance(story, Story), f"{name}: {story!r}"
    bought, sold = story.filled("BUY"), story.filled("SELL")
    assert (bought, sold) == (case.bought + case.adrift, case.bought), story
    assert story.entered.filled == case.bought
    assert story.exited is None or story.exited.sold == case.bought

    assert len(story.orders("BUY")) <= 1, "one entry at the exchange at the most"
    sent = [row["tag"] for row in (*story.ledger, *story.refused)]
    assert len(set(sent)) == len(sent), f"an intent was sent twice: {sent}"
    assert set(sent) <= {attempt.tag for attempt in story.attempts}, "every order had its intent first"
    assert {row["status"] for row in story.ledger} <= OVER
    assert not [attempt for attempt in story.attempts if attempt.status in UNRESOLVED]
    if case.adrift:
        assert story.entered.outcome is Outcome.ORDER_FAILED
        assert story.entered.in_doubt, "a person is told that it may have been bought"
