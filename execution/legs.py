"""The dealer: carries an order from before its instant to its end, whoever asks for it.

An activity of the run asks for it, and so does a worker that holds the order for its instant, or hears of a
stop before the run does. They may race: the desk keeps an order single.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from domain.errors import LoginNeeded, StoreUnavailable
from domain.failpoint import failpoint
from domain.leg import Plan, Send, average_price, filled
from domain.order import Attempt, OrderStatus, Reason
from domain.ports import Broker, Brokers, Clock
from domain.run import Entered, EnterOrder, Exited, ExitOrder
from domain.scheduled_order import EXIT_SENT_WITHIN
from domain.sellable import patience
from domain.session import clock_text, exchange_time
from domain.strategy import Outcome
from execution.entry_checks import EntryChecks, ask_ahead, wait_until
from execution.executor import OrderExecutor
from execution.exit_alerts import ExitAlerts
from execution.order_intent import Barred, ClosedOutside, NotPlaced, OrderIntent, TooLate

RETRY_EVERY = 0.2
"""Seconds between two tries of something that must be there before buy_time's five seconds are over."""
LOGIN_EVERY = 1.0
WARM_AHEAD = timedelta(seconds=2)
"""How long before its instant a sale's connection is made; an entry's is, by its question for the price."""


class LegExecutor:
    """Buys and sells one leg at a time. `owner` names whoever asks, for the runtime lock.

    `missed_after`: how late an entry may still be sent (seed, section 12 C: 5 seconds).
    """

    def __init__(
        self,
        desk: OrderExecutor,
        gate: EntryChecks,
        watch: ExitAlerts,
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

    async def enter(
        self, order: EnterOrder, halt: asyncio.Event, owner: str, held: Attempt | None = None
    ) -> Entered:
        """Hold until `due_at`, buy, and return when the entry has ended, or once it is too late.

        `held` is the intent a worker holds for it: it is claimed without asking what became of it, since the
        claim answers that. Halted, it sends nothing more, cancels what is open, and returns what was filled.
        Raises `NotPlaced` when an attempt was refused and the next may pass, `StoreUnavailable` when it is
        too late to wait.
        """
        while True:
            try:
                return await self._enter(order, halt, owner, held)
            except StoreUnavailable:
                if halt.is_set() or self._clock.now() > self._latest(order):
                    raise
                await self._clock.sleep(RETRY_EVERY)

    async def settle_entry(self, order: EnterOrder) -> Entered:
        """Bring whatever was sent for the entry to its end, call off what was not; send nothing."""
        intent = self._entry(order)
        attempts = await self._desk.leg(order.key)
        if not attempts:
            # Somebody may be about to write the first one: it is there, and called off.
            await self._desk.prepare(intent)
            attempts = await self._desk.leg(order.key)
        if attempts[-1].status is OrderStatus.PLANNED:
            refusal = self._unsent(order, attempts)
            attempts = await self._desk.deny(intent, refusal.detail, refusal.outcome)
        if not all(attempt.over for attempt in attempts):
            attempts = await self._settle(intent, _set())
        entered = _entered(attempts)
        if not entered.filled:
            # Whoever else holds this entry plans no further attempt of it.
            await self._desk.deny(intent, entered.detail, entered.outcome)
        return entered

    async def sends_finished(self) -> None:
        """Wait until what this process is sending has its answer written down."""
        await self._desk.sends_finished()

    def _unsent(self, order: EnterOrder, attempts: Sequence[Attempt]) -> Entered:
        if self._clock.now() > self._latest(order):
            return self._too_late(order, attempts)
        return Entered(0, outcome=Outcome.STOPPED, detail="stopped before it was sent")

    async def exit(self, order: ExitOrder, halt: asyncio.Event, owner: str) -> Exited:
        """Hold until `due_at`, sell what is held, and return when nothing is left or it was halted.

        Sells no more than the account still shows; what is gone from it is `outside`. Raises `NotPlaced` when
        an attempt ended with shares still held, `StoreUnavailable`.
        """
        await failpoint("exit.holding")
        if not await wait_until(self._clock, order.due_at, halt):
            return _exited(order, await self._desk.leg(order.key))
        await self._gate.take_lock(order.key.strategy_id, owner)
        try:
            async with self._watch.over(order):
                return await self._sell(order, self._exit(order), halt)
        finally:
            await self._gate.leave(order.key.strategy_id, owner)

    async def _sell(self, order: ExitOrder, intent: OrderIntent, halt: asyncio.Event) -> Exited:
        try:
            attempts = await self._send_and_settle(intent, halt, order)
        except ClosedOutside:
            return await self._closed_outside(order, intent)
        if not halt.is_set() and filled(attempts) < order.bought:
            raise NotPlaced(f"still holding: {attempts[-1].message}")
        return _exited(order, attempts)

    async def _closed_outside(self, order: ExitOrder, intent: OrderIntent) -> Exited:
        """Call off what was planned for shares that are gone; what another caller sent is seen to its end."""
        attempts = await self._desk.deny(intent, "the account does not show these shares any more")
        if not all(attempt.over for attempt in attempts):
            attempts = await self._settle(intent, _set())
            if filled(attempts) < order.bought:
                raise NotPlaced(f"looked at again: {attempts[-1].message}")
        exited = _exited(order, attempts)
        return replace(exited, held=0, outside=exited.held)

    async def settle_exit(self, order: ExitOrder) -> Exited:
        """Bring whatever was sent for the exit to its end, call off what is held for later; send nothing."""
        intent = self._exit(order)
        if order.adopted:
            await self._own_strays(intent)
        attempts = await self._desk.leg(order.key)
        if attempts and attempts[-1].armed:
            attempts = await self._desk.deny(intent, "called off before its time")
        if any(attempt.status in (OrderStatus.SENT, OrderStatus.OPEN) for attempt in attempts):
            attempts = await self._settle(intent, _set())
        return _exited(order, attempts)

    async def _own_strays(self, intent: OrderIntent) -> None:
        while True:
            try:
                return await self._desk.strays.own(intent, await self._logged_in(intent, None))
            except LoginNeeded:
                await self._clock.sleep(LOGIN_EVERY)

    async def sell_held(self, order: ExitOrder, attempt: Attempt) -> None:
        """Send the intent that was held for this sale, at its instant, and follow it; all else is the run's.

        A sale that is late, has no login or meets a store that is away is left to the run at once.
        """
        intent = replace(self._exit(order), latest=order.due_at + EXIT_SENT_WITHIN)
        never = asyncio.Event()
        with self._gate.waiting(order.due_at) as turn:
            await self._clock.sleep_until(order.due_at - WARM_AHEAD)
            # Beside the claim: a stop-loss has no time for one after the other.
            ready = asyncio.ensure_future(self._ready(intent, turn))
            ready.add_done_callback(_seen)
            await self._gate.until_claim(order.due_at, never)
            try:
                await self._desk.send_held(intent, attempt, ready)
            except TooLate:
                return
        await self._desk.settle(intent, await ready, never)

    async def _ready(self, intent: OrderIntent, turn: int) -> Broker:
        """Return the account once it was found, just before the instant, to hold what is to be sold.

        Raises `NotCovered` where it does not: the sale is left to its run, which looks closely.
        """
        broker = await self._brokers.of(intent.key.user_id, intent.terms.account)
        if self._clock.now() < intent.due_at:
            await broker.warm()
            await self._clock.sleep_until(intent.due_at - ask_ahead(turn))
        await self._desk.account.ensure_covered(intent, broker)
        return broker

    async def _enter(
        self, order: EnterOrder, halt: asyncio.Event, owner: str, held: Attempt | None
    ) -> Entered:
        intent = self._entry(order)
        attempts = [held] if held is not None else await self._desk.leg(order.key)
        if _never_sent(attempts):
            return _entered(attempts)  # called off by its holder, on a holiday say: no login is waited for
        if not halt.is_set() and (held is not None or await self._prepared(intent, attempts)):
            found = await self._gate.wait(order, self._latest(order), halt, owner)
            if isinstance(found, Entered) and await self._called_off(intent, found):
                return found
            if isinstance(found, Decimal):
                intent = replace(intent, price=found)
        try:
            return await self._buy(order, intent, halt, held)
        finally:
            await self._gate.leave(order.key.strategy_id, owner)

    async def _prepared(self, intent: OrderIntent, attempts: Sequence[Attempt]) -> bool:
        """Write the intent down where its leg may still be sent; False where it may not."""
        if not isinstance(self._desk.step(intent, attempts), Plan | Send):
            return False
        await self._desk.prepare(intent)
        return True

    async def _buy(
        self, order: EnterOrder, intent: OrderIntent, halt: asyncio.Event, held: Attempt | None
    ) -> Entered:
        if halt.is_set():
            return await self.settle_entry(order)
        try:
            attempts = await self._send_and_settle(intent, halt, held=held)
        except TooLate:
            return await self._missed(intent, self._too_late(order, await self._desk.leg(order.key)))
        except Barred as bar:
            return await self._missed(intent, Entered(0, outcome=Outcome.SKIPPED, detail=str(bar)))
        if halt.is_set():
            return await self.settle_entry(order)
        if isinstance(self._desk.step(intent, attempts), Plan):
            raise NotPlaced(f"not placed: {attempts[-1].message}")
        return _entered(attempts)

    async def _send_and_settle(
        self,
        intent: OrderIntent,
        halt: asyncio.Event,
        sale: ExitOrder | None = None,
        held: Attempt | None = None,
    ) -> Sequence[Attempt]:
        while True:
            asked = self._clock.monotonic()
            broker = await self._logged_in(intent, sale)
            if self._clock.monotonic() - asked >= LOGIN_EVERY:
                # Much may have happened at the broker without a login: the account is read, however long.
                intent = replace(intent, patience=None)
            try:
                if held is not None and not halt.is_set():
                    await self._desk.send_held(intent, held, broker)
                elif not halt.is_set():
                    await self._desk.place_once(intent, broker, halt)
            except LoginNeeded:
                intent = replace(intent, patience=None)
                await self._clock.sleep(LOGIN_EVERY)
                continue
            return await self._settle(intent, halt, broker, sale)

    async def _settle(
        self,
        intent: OrderIntent,
        halt: asyncio.Event,
        broker: Broker | None = None,
        sale: ExitOrder | None = None,
    ) -> Sequence[Attempt]:
        while True:
            try:
                return await self._desk.settle(intent, broker or await self._logged_in(intent, sale), halt)
            except LoginNeeded:  # what was sent is still out there: wait for the user's next login
                await self._clock.sleep(LOGIN_EVERY)
                broker = None

    async def _logged_in(self, intent: OrderIntent, sale: ExitOrder | None) -> Broker:
        """Wait for a living login of the order's account; that a sale waits for it is said at once."""
        told = ""
        while True:
            try:
                return await self._brokers.of(intent.key.user_id, intent.terms.account)
            except LoginNeeded as why:
                if sale is not None and told != str(why):
                    await self._watch.needs_login(sale, why)
                told = str(why)
                await self._clock.sleep(LOGIN_EVERY)

    async def _called_off(self, intent: OrderIntent, refusal: Entered) -> bool:
        """Close the entry with the reason; False when somebody else has sent it meanwhile."""
        attempts = await self._desk.deny(intent, refusal.detail, refusal.outcome)
        return all(attempt.status is OrderStatus.NOT_PLACED for attempt in attempts)

    async def _missed(self, intent: OrderIntent, refusal: Entered) -> Entered:
        if await self._called_off(intent, refusal):
            return refusal
        return _entered(await self._settle(intent, asyncio.Event()))

    def _too_late(self, order: EnterOrder, attempts: Sequence[Attempt]) -> Entered:
        due = clock_text(exchange_time(order.due_at).timetz())
        allowed = f"{(self._latest(order) - order.due_at).total_seconds():g} s"
        if len(attempts) > 1:
            detail = f"refused until {allowed} after {due} had passed: {attempts[-2].message}"
            return Entered(0, outcome=Outcome.ORDER_FAILED, detail=detail)
        late = (self._clock.now() - order.due_at).total_seconds()
        detail = f"missed execution: {late:.1f} s after {due}; an entry is sent at most {allowed} late"
        return Entered(0, outcome=Outcome.MISSED, detail=detail)

    def _entry(self, order: EnterOrder) -> OrderIntent:
        return OrderIntent(
            order.key, order.terms, order.quantity, Reason.BUY, order.due_at, self._latest(order)
        )

    def _latest(self, order: EnterOrder) -> datetime:
        """Return until when an entry may be sent: the claim judges it, by the store's clock."""
        latest = order.due_at + self._missed_after
        return min(latest, order.closes_at) if order.closes_at else latest

    def _exit(self, order: ExitOrder) -> OrderIntent:
        waits = patience(order.reason, self._clock.now() - order.due_at)
        return OrderIntent(order.key, order.terms, order.bought, order.reason, order.due_at, patience=waits)


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
    in_doubt = any(attempt.status is OrderStatus.ABSENT for attempt in attempts)
    if last.verdict is not None:
        return Entered(0, outcome=last.verdict, detail=last.message, in_doubt=in_doubt)
    outcome, words = _WHY_NOTHING[last.status]
    return Entered(0, outcome=outcome, detail=words.format(last.message).strip(), in_doubt=in_doubt)


def _never_sent(attempts: Sequence[Attempt]) -> bool:
    """Tell whether an entry was called off with nothing sent: there is nothing to look for at the broker."""
    return len(attempts) == 1 and attempts[0].verdict is not None and attempts[0].sent_at is None


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


def _seen(task: "asyncio.Task[Broker]") -> None:
    """Take note of a failure that nobody waited for."""
    if not task.cancelled():
        task.exception()


def _set() -> asyncio.Event:
    halt = asyncio.Event()
    halt.set()
    return halt
