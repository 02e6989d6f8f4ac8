"""The order desk: the one way an order leaves this house, and how it is followed until it is over.

Everything here may be raced: by a second worker after a crash, by a zombie, by a fast path. What keeps an
order from being sent twice is the intent's row: who wins its claim calls the broker, once; for everybody else
it counts as sent, its answer unknown, and it is looked up by its tag before anything else happens.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.errors import BrokerRefused, BrokerUnavailable, CacheUnavailable, LoginNeeded
from domain.failpoint import failpoint
from domain.leg import (
    Follow,
    Horizons,
    LookUp,
    Plan,
    Send,
    Step,
    entry_is_absent,
    exit_may_be_resent,
    filled,
    next_step,
)
from domain.listing import Listing
from domain.order import Attempt, BrokerOrder, Leg, LegKey, OrderStatus
from domain.ports import Broker, Brokers, Clock, OrderLog, RuntimeCache, RuntimeUpdate
from domain.strategy import Outcome, Position
from execution.account_snapshot import AccountSnapshots
from execution.order_intent import ClosedOutside, OrderIntent
from execution.order_sender import Login, OrderSender
from execution.untracked_orders import UntrackedOrders

LOOKS_A_SECOND = 250
"""Order books one process reads at the most, while it follows many orders at once."""
LOOK_EVERY = 1.0
"""Seconds between two reads of the order book; Kite allows ten calls a second for everything but orders."""
CANCEL_EVERY = 2.0
UNREAD = "not among the rows of the order book that could be read; some of its symbol could not"


@dataclass(frozen=True, slots=True)
class ExecutionRules:
    """How long the desk waits, seconds; from the settings."""

    entry_fill: float = 10
    exit_fill: float = 10
    horizons: Horizons = field(default_factory=Horizons)


class OrderExecutor:
    """Places, looks up, follows and cancels, by the rules of `domain.leg`."""

    def __init__(
        self, log: OrderLog, cache: RuntimeCache, brokers: Brokers, clock: Clock, rules: ExecutionRules
    ) -> None:
        self._log = log
        self._cache = cache
        self._brokers = brokers
        self._clock = clock
        self._rules = rules
        self._sender = OrderSender(log, brokers, clock)
        self.strays = UntrackedOrders(log, brokers, clock, rules.horizons)
        self.account = AccountSnapshots(log, brokers, clock)
        self._following = 0

    def may_be_in_flight(self, key: LegKey) -> bool:
        """Tell whether this process called the broker for the leg with no answer, or none it could write."""
        return self._sender.may_be_in_flight(key)

    async def leg(self, key: LegKey) -> Sequence[Attempt]:
        """Return the leg's attempts, oldest first."""
        return await self._log.leg(key)

    async def prepare(self, intent: OrderIntent) -> None:
        """Write the leg's first intent ahead of its time."""
        await self._log.plan(intent.key, intent.terms, 1, intent.due_at)
        await failpoint(f"{intent.key.leg}.planned")

    async def place_once(self, intent: OrderIntent, broker: Broker, halt: asyncio.Event) -> Sequence[Attempt]:
        """Send the leg's next order if its rules allow one now and no other caller has; return the attempts.

        Never waits for a fill and never sends on doubt. An exit is for no more than the account still shows,
        which is waited for as `intent.patience` says. Raises `TooLate` when `intent.latest` has passed,
        `ClosedOutside` when nothing is left to sell, `LoginNeeded`, `StoreUnavailable` when nothing can be
        claimed.
        """
        attempts = await self._log.leg(intent.key)
        if any(attempt.status is OrderStatus.ABSENT for attempt in attempts):
            attempts = await self._with_what_came_late(intent, attempts, broker)
        step = next_step(intent.key.leg, attempts, intent.wanted)
        if isinstance(step, Plan):
            await self._plan(intent, step)
            attempts = await self._log.leg(intent.key)
            step = next_step(intent.key.leg, attempts, intent.wanted)
        if isinstance(step, Send):
            quantity = await self._quantity(intent, intent.wanted - filled(attempts), broker, halt)
            if quantity is not None:
                await self._sender.send(intent, step.attempt, quantity, broker)
                attempts = await self._log.leg(intent.key)
        return attempts

    async def _quantity(
        self, intent: OrderIntent, missing: int, broker: Broker, halt: asyncio.Event
    ) -> int | None:
        """Return what may be sent of the shares a leg still misses; None when halted first."""
        if intent.key.leg is Leg.ENTRY:
            return missing
        quantity = await self.account.sellable(intent, missing, broker, halt)
        if quantity == 0:
            raise ClosedOutside
        return quantity

    async def send_held(self, intent: OrderIntent, attempt: Attempt, broker: Login) -> None:
        """Send an intent that was held for its instant, if nobody has; plan and look up nothing.

        A broker that is still to come is waited for once the right to send is taken; where none does, the
        intent is not placed.
        """
        await self._sender.send(intent, attempt, intent.wanted, broker)

    async def sends_finished(self) -> None:
        """Wait until what this process is sending has its answer written down."""
        await self._sender.finished()

    async def settle(self, intent: OrderIntent, broker: Broker, halt: asyncio.Event) -> Sequence[Attempt]:
        """Look up and follow what was sent until every attempt is over; return the attempts.

        What stays open past its fill time, or when `halt` is set, is cancelled, and that is confirmed.
        Returns early when the leg's rules call for a plan or a send.
        """
        self._following += 1
        try:
            return await self._settled(intent, broker, halt)
        finally:
            self._following -= 1

    async def _settled(self, intent: OrderIntent, broker: Broker, halt: asyncio.Event) -> Sequence[Attempt]:
        patience = self._clock.monotonic() + self._fill_seconds(intent)
        while True:
            attempts = await self._log.leg(intent.key)
            step = next_step(intent.key.leg, attempts, intent.wanted)
            if isinstance(step, LookUp):
                await self._look_up(intent, attempts, broker)
            elif isinstance(step, Follow):
                await self._follow(intent, step, attempts, broker, patience, halt)
            else:
                return attempts

    async def deny(
        self, intent: OrderIntent, message: str, verdict: Outcome | None = None
    ) -> Sequence[Attempt]:
        """Close an intent nobody has sent: it will not be, and with a `verdict` nothing else of its leg."""
        attempts = await self._log.leg(intent.key)
        if attempts and attempts[-1].status in (OrderStatus.PLANNED, OrderStatus.NOT_PLACED):
            await self._log.deny(attempts[-1], message, verdict)
        return await self._log.leg(intent.key)

    def step(self, intent: OrderIntent, attempts: Sequence[Attempt]) -> Step:
        """Return what the leg's rules allow next."""
        return next_step(intent.key.leg, attempts, intent.wanted)

    async def _with_what_came_late(
        self, intent: OrderIntent, attempts: Sequence[Attempt], broker: Broker
    ) -> Sequence[Attempt]:
        """Count an attempt that was given up and was an order after all, before another one is sent.

        Else an exit that the broker took late is sold again and again, each time refused for want of shares.
        """
        book = await self._read_book(intent.key, broker)
        if book is not None:
            await self._absorb(intent.key, attempts, book)
        return await self._log.leg(intent.key)

    async def _plan(self, intent: OrderIntent, plan: Plan) -> None:
        if plan.supersedes is None:
            await self._log.plan(intent.key, intent.terms, plan.attempt, intent.due_at)
            await failpoint(f"{intent.key.leg}.planned")
            return
        await self._log.supersede(
            plan.supersedes, intent.terms, absent=False, message="", due_at=self._clock.now()
        )
        await failpoint(f"{intent.key.leg}.planned")

    async def _look_up(self, intent: OrderIntent, attempts: Sequence[Attempt], broker: Broker) -> None:
        book = await self._read_book(intent.key, broker)
        if book is not None and not await self._absorb(intent.key, attempts, book):
            await self._nothing_found(intent, attempts, book, broker)
            await self._clock.sleep(LOOK_EVERY)
        elif book is None:
            await self._clock.sleep(LOOK_EVERY)

    async def _nothing_found(
        self, intent: OrderIntent, attempts: Sequence[Attempt], book: Listing[BrokerOrder], broker: Broker
    ) -> None:
        unknown = [attempt for attempt in attempts if attempt.status is OrderStatus.SENT]
        read = book.covers(intent.terms.symbol)
        for attempt in unknown:
            await self._log.looked_up(attempt, "not in the order book yet" if read else UNREAD)
        if intent.key.leg is Leg.ENTRY:
            for attempt in unknown:
                if entry_is_absent(attempt, book, intent.terms, self._clock.now(), self._rules.horizons):
                    await self._log.give_up(attempt, "sent, never answered, and in no order book since")
        elif await self._is_proven_absent(intent, attempts, book, broker):
            await self._log.supersede(
                unknown[-1],
                intent.terms,
                absent=True,
                message="not in the order book, and the position book shows no sale of it",
                due_at=self._clock.now(),
            )

    async def _is_proven_absent(
        self, intent: OrderIntent, attempts: Sequence[Attempt], book: Listing[BrokerOrder], broker: Broker
    ) -> bool:
        try:
            positions = await broker.positions()
        except (BrokerUnavailable, LoginNeeded, BrokerRefused):
            return False
        now, horizons = self._clock.now(), self._rules.horizons
        return exit_may_be_resent(attempts, book, positions, intent.terms, now, horizons)

    async def _follow(
        self,
        intent: OrderIntent,
        step: Follow,
        attempts: Sequence[Attempt],
        broker: Broker,
        patience: float,
        halt: asyncio.Event,
    ) -> None:
        book = await self._read_book(intent.key, broker)
        if book is not None:
            await self._absorb(intent.key, attempts, book)
            row = next((row for row in book if step.attempt.tag in row.tags), None)
            if row is None or not row.open_quantity:
                # What is over needs no wait; what vanished from the book is asked for again.
                await self._clock.sleep(0 if row else LOOK_EVERY)
                return
        if step.attempt.broker_order_id and (halt.is_set() or self._clock.monotonic() >= patience):
            await self._cancel(step.attempt.broker_order_id, broker)
            await self._clock.sleep(LOOK_EVERY / 5)
            return
        await self._pause(halt, self._poll_pause(patience, intent))

    async def _cancel(self, broker_order_id: str, broker: Broker) -> None:
        try:
            await broker.cancel(broker_order_id)
        except (BrokerUnavailable, BrokerRefused, LoginNeeded):
            # Refused is also what "already executed" looks like; the next read of the book tells.
            await self._clock.sleep(CANCEL_EVERY / 2)

    def _fill_seconds(self, intent: OrderIntent) -> float:
        return self._rules.entry_fill if intent.key.leg is Leg.ENTRY else self._rules.exit_fill

    def _poll_pause(self, patience: float, intent: OrderIntent) -> float:
        waited = self._fill_seconds(intent) - (patience - self._clock.monotonic())
        pause = 0.15 if waited < 1 else min(LOOK_EVERY, max(0.05, patience - self._clock.monotonic()))
        return max(pause, self._following / LOOKS_A_SECOND)

    async def _pause(self, halt: asyncio.Event, seconds: float) -> None:
        if halt.is_set():
            await self._clock.sleep(seconds)
            return
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        stop = asyncio.ensure_future(halt.wait())
        await asyncio.wait({sleep, stop}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sleep, stop):
            task.cancel()

    async def _read_book(self, key: LegKey, broker: Broker) -> Listing[BrokerOrder] | None:
        """Return the order book, None when it could not be read: that is not an empty book."""
        try:
            return await broker.orders()
        except LoginNeeded:
            await self._brokers.login_died(key.user_id, broker)
            raise
        except (BrokerUnavailable, BrokerRefused):
            return None

    async def _absorb(self, key: LegKey, attempts: Sequence[Attempt], book: Sequence[BrokerOrder]) -> bool:
        """Write what the book shows of the leg's attempts; tell whether any unknown one turned up."""
        turned_up = False
        for attempt in attempts:
            for row in book:
                if attempt.tag in row.tags and _is_news(attempt, row):
                    turned_up |= attempt.status is OrderStatus.SENT
                    await failpoint(f"{key.leg}.seen")
                    await self._log.saw(attempt, row)
                    await failpoint(f"{key.leg}.written")
                    await self._note_runtime(key, row)
        return turned_up

    async def _note_runtime(self, key: LegKey, row: BrokerOrder) -> None:
        update = (
            RuntimeUpdate(
                position=Position.BOUGHT if row.filled_quantity else None, last_buy_order=row.broker_order_id
            )
            if key.leg is Leg.ENTRY
            else RuntimeUpdate(last_sell_order=row.broker_order_id)
        )
        try:
            await self._cache.update(key.strategy_id, update)
        except CacheUnavailable:
            return  # Redis is a cache: the run rebuilds it


def _is_news(attempt: Attempt, row: BrokerOrder) -> bool:
    return (attempt.status, attempt.filled_quantity, attempt.broker_order_id) != (
        row.status,
        row.filled_quantity,
        row.broker_order_id,
    )
