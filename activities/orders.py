"""The order activities of a strategy's day: enter and exit. Three attempts each, by their retry policy."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.beat import beating
from activities.desk import Intent, OrderDesk, TooLate
from activities.gate import EntryGate, wait_until
from activities.overdue import ExitWatch
from domain.errors import LoginNeeded, StoreUnavailable
from domain.failpoint import failpoint
from domain.leg import Plan, Send, average_price, filled
from domain.order import Attempt, OrderStatus, Reason
from domain.ports import Broker, Brokers, Clock
from domain.run import Entered, EnterOrder, Exited, ExitOrder
from domain.session import clock_text, exchange_time
from domain.strategy import Outcome

RETRY_EVERY = 0.2
"""Seconds between two tries of something that must be there before buy_time's five seconds are over."""
LOGIN_EVERY = 1.0
NOT_PLACED = "OrderNotPlaced"
"""Type of the failure that asks Temporal for the next of the attempts."""
STORE_AWAY = "StoreUnavailable"
"""Type of the failure that tells the run to sell alone; its detail says whether an order may be in flight."""


class OrderActivities:
    """Buys at its time, sells once. Both may be repeated and raced: the desk keeps an order single.

    `missed_after`: how late an entry may still be sent (seed, section 12 C: 5 seconds).
    """

    def __init__(
        self,
        desk: OrderDesk,
        gate: EntryGate,
        watch: ExitWatch,
        brokers: Brokers,
        clock: Clock,
        missed_after: timedelta,
    ) -> None:
        self._desk = desk
        self._gate = gate
        self._watch = watch
        self._brokers = brokers
        self._clock = clock
        self._missed_after = missed_after

    @activity.defn
    async def enter(self, order: EnterOrder) -> Entered:
        """Hold until `due_at`, buy, and return when the entry has ended.

        Cancelled, it sends nothing more, cancels what is open, and returns what was filled. Fails with
        `OrderNotPlaced` when an attempt was refused and the next may pass.
        """
        return await beating(lambda halt: self._enter_while_it_counts(order, halt))

    @activity.defn
    async def settle_entry(self, order: EnterOrder) -> Entered:
        """Bring whatever was sent for the entry to its end; send nothing."""
        halted = asyncio.Event()
        halted.set()
        return await beating(lambda _: self._enter(order, halted))

    @activity.defn
    async def exit(self, order: ExitOrder) -> Exited:
        """Hold until `due_at`, sell what is held, and return when nothing is left or it was cancelled.

        Fails with `OrderNotPlaced` when an attempt ended with shares still held.
        """
        try:
            return await beating(lambda halt: self._exit(order, halt))
        except StoreUnavailable as away:
            # Not tried again here: without the store nobody can claim, and the run can sell without it. It
            # must know whether an order of this leg may be under way.
            in_flight = activity.info().attempt > 1 or self._desk.may_be_in_flight(order.key)
            raise ApplicationError(str(away), in_flight, type=STORE_AWAY, non_retryable=True) from away

    @activity.defn
    async def settle_exit(self, order: ExitOrder) -> Exited:
        """Bring whatever was sent for the exit to its end; send nothing."""
        halted = asyncio.Event()
        halted.set()
        intent = Intent(order.key, order.terms, order.bought, order.reason, order.due_at)
        attempts = await beating(lambda _: self._send_and_settle(intent, halted))
        return _exited(order, attempts)

    async def _enter_while_it_counts(self, order: EnterOrder, halt: asyncio.Event) -> Entered:
        """Go on through a database outage until it is too late to buy; then the run settles what is known."""
        while True:
            try:
                return await self._enter(order, halt)
            except StoreUnavailable:
                if halt.is_set() or self._clock.now() > order.due_at + self._missed_after:
                    raise
                await self._clock.sleep(RETRY_EVERY)

    async def _enter(self, order: EnterOrder, halt: asyncio.Event) -> Entered:
        latest = order.due_at + self._missed_after
        intent = Intent(order.key, order.terms, order.quantity, Reason.BUY, order.due_at, latest)
        attempts = await self._desk.leg(order.key)
        if not halt.is_set() and isinstance(self._desk.step(intent, attempts), (Plan, Send)):
            await self._desk.prepare(intent)
            refusal = await self._gate.wait(order, latest, halt)
            if refusal is not None:
                await self._desk.deny(intent, refusal.detail)
                return refusal
        try:
            return await self._buy(order, intent, halt)
        finally:
            await self._gate.leave(order.key.strategy_id)

    async def _buy(self, order: EnterOrder, intent: Intent, halt: asyncio.Event) -> Entered:
        try:
            attempts = await self._send_and_settle(intent, halt)
        except TooLate:
            return self._too_late(order, await self._desk.deny(intent, "too late"))
        if halt.is_set():
            attempts = await self._desk.deny(intent, "stopped before it was sent")
        elif isinstance(self._desk.step(intent, attempts), Plan):
            raise ApplicationError(f"not placed: {attempts[-1].message}", type=NOT_PLACED)
        return _entered(attempts)

    async def _send_and_settle(self, intent: Intent, halt: asyncio.Event) -> Sequence[Attempt]:
        broker = await self._logged_in(intent)
        if not halt.is_set():
            await self._desk.place_once(intent, broker)
        while True:
            try:
                return await self._desk.settle(intent, broker, halt)
            except LoginNeeded:  # what was sent is still out there: wait for the user's next login
                await self._clock.sleep(LOGIN_EVERY)
                broker = await self._logged_in(intent)

    async def _logged_in(self, intent: Intent) -> Broker:
        while True:
            try:
                return await self._brokers.of(intent.key.user_id)
            except LoginNeeded:
                await self._clock.sleep(LOGIN_EVERY)

    async def _exit(self, order: ExitOrder, halt: asyncio.Event) -> Exited:
        await failpoint("exit.holding")
        if not await wait_until(self._clock, order.due_at, halt):
            return _exited(order, await self._desk.leg(order.key))
        intent = Intent(order.key, order.terms, order.bought, order.reason, order.due_at)
        await self._gate.take_lock(order.key.strategy_id)
        try:
            async with self._watch.over(order):
                await self._say_if_login_is_needed(order)
                attempts = await self._send_and_settle(intent, halt)
        finally:
            await self._gate.leave(order.key.strategy_id)
        if not halt.is_set() and filled(attempts) < order.bought:
            raise ApplicationError(f"still holding: {attempts[-1].message}", type=NOT_PLACED)
        return _exited(order, attempts)

    async def _say_if_login_is_needed(self, order: ExitOrder) -> None:
        try:
            await self._brokers.of(order.key.user_id)
        except LoginNeeded:
            await self._watch.needs_login(order)

    def _too_late(self, order: EnterOrder, attempts: Sequence[Attempt]) -> Entered:
        due = clock_text(exchange_time(order.due_at).timetz())
        allowed = f"{self._missed_after.total_seconds():g} s"
        if len(attempts) > 1:
            detail = f"refused until {allowed} after {due} had passed: {attempts[-2].message}"
            return Entered(0, outcome=Outcome.ORDER_FAILED, detail=detail)
        late = (self._clock.now() - order.due_at).total_seconds()
        detail = f"missed execution: {late:.1f} s after {due}; an entry is sent at most {allowed} late"
        return Entered(0, outcome=Outcome.MISSED, detail=detail)


_WHY_NOTHING = {
    OrderStatus.REJECTED: (Outcome.REJECTED, "the broker rejected it: {}"),
    OrderStatus.NOT_PLACED: (Outcome.ORDER_FAILED, "it could not be placed: {}"),
    OrderStatus.CANCELLED: (Outcome.ORDER_FAILED, "nothing was filled in time, so it was cancelled {}"),
    OrderStatus.ABSENT: (
        Outcome.ORDER_FAILED,
        "it is in doubt: sent, but the broker never answered and its order book does not show it. "
        "Look at your broker's order book; it is watched until the market closes. {}",
    ),
}


def _entered(attempts: Sequence[Attempt]) -> Entered:
    bought = filled(attempts)
    if bought or not attempts:
        return Entered(bought, average_price(attempts))
    last = attempts[-1]
    outcome, words = _WHY_NOTHING[last.status]
    in_doubt = any(attempt.status is OrderStatus.ABSENT for attempt in attempts)
    return Entered(0, outcome=outcome, detail=words.format(last.message).strip(), in_doubt=in_doubt)


def _exited(order: ExitOrder, attempts: Sequence[Attempt]) -> Exited:
    sold = filled(attempts)
    first_sent = next((attempt for attempt in attempts if attempt.filled_quantity), None)
    return Exited(
        sold=sold,
        held=order.bought - sold,
        average_price=average_price(attempts),
        reason=first_sent.reason if first_sent else None,
        detail=attempts[-1].message if attempts else "",
    )
