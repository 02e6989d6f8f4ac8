"""Sells: from before the instant of a sale to its end, for its run or for a worker that scheduled it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from domain.errors import BrokerNotConnected, BrokerUnavailable, LoginNeeded, Unavailable
from domain.exit_obstacle import left_words
from domain.failpoint import failpoint
from domain.kept_stop import ExitAim
from domain.leg import average_price, filled
from domain.order import Attempt, OrderStatus, Reason
from domain.ports import Brokers, Clock, OrderLog, RestingStops
from domain.run import Exited, ExitOrder, SaleLine
from domain.scheduled_order import EXIT_SENT_WITHIN
from domain.sellable import patience
from domain.timeline import sale_line
from execution.account_login import AccountLogin
from execution.account_snapshot import AccountSnapshots
from execution.due_orders import DueOrders
from execution.execution_rules import ExecutionRules
from execution.executor import OrderExecutor
from execution.exit_alerts import ExitAlerts
from execution.exit_policy import SOON, ExitPolicy, ScheduledExitPolicy
from execution.expired_stops import leg_of_today
from execution.halting import halted, halted_within, wait_until
from execution.intents import call_off
from execution.order_intent import ClosedOutside, HeldUp, NotPlaced, OrderIntent, TooLate
from execution.resting_sale import RestingSale
from execution.runtime_lock import RuntimeLock
from execution.stop_changes import StopChanges
from execution.untracked_orders import UntrackedOrders

HALTED_WITHIN = 20.0
"""Seconds a halted sale may take to cancel what is open, or to find what was sent. Then it is left, and the
reconciler looks for what is in doubt: the user's `keep` waits for no book that cannot be read."""
LOOK_WITHIN = 25.0
"""Seconds in which the account has to say whether shares are still there: longer than it takes to be sure."""
READINGS = 2
"""How often a careful sale reads the books, seconds apart: when the broker has just come back, another worker
may read them in the same moment."""


class Exits:
    """Sells one leg at a time. Callers of one sale may race: the executor keeps the order single."""

    def __init__(
        self,
        executor: OrderExecutor,
        accounts: AccountSnapshots,
        untracked: UntrackedOrders,
        alerts: ExitAlerts,
        lock: RuntimeLock,
        due: DueOrders,
        log: OrderLog,
        brokers: Brokers,
        clock: Clock,
        rules: ExecutionRules,
        stops: RestingStops,
    ) -> None:
        self._executor = executor
        self._accounts = accounts
        self._untracked = untracked
        self._alerts = alerts
        self._lock = lock
        self._due = due
        self._log = log
        self._brokers = brokers
        self._clock = clock
        self._rules = rules
        self._stops = stops
        self._changes = StopChanges(stops)

    async def exit(
        self, order: ExitOrder, halt: asyncio.Event, owner: str, *, careful: bool = False
    ) -> Exited:
        """Hold until `due_at`, sell what is held, and return when nothing is left or it was halted.

        Sells no more than the account still shows; what is gone from it is `outside`. `owner` names the
        caller, for the runtime lock. A careful sale looks first for one that another worker sends without the
        store. Raises `NotPlaced` when an attempt ended with shares still held,
        `HeldUp` when the next is not due yet, `StoreUnavailable`.
        """
        await failpoint("exit.holding")
        if not await wait_until(self._clock, order.due_at, halt):
            return _exited(order, await self._log.leg(order.key))
        if order.terms.protected:
            await self._stops.begin_exit(order.key, ExitAim.SELL, _why(order), reason=order.reason)
        await self._lock.take(order.key.strategy_id, owner)
        try:
            async with self._alerts.over(order):
                return await halted_within(
                    self._sell(order, halt, READINGS if careful else 0), halt, HALTED_WITHIN
                ) or _exited(order, await self._log.leg(order.key))
        finally:
            await self._lock.release(order.key.strategy_id, owner)

    async def settle(self, order: ExitOrder) -> Exited:
        """Bring to its end what was sent for the exit, call off what is scheduled; send nothing.

        Shares of which the account was found to show none any more are looked for once again, and are
        `outside` where they are gone.
        """
        intent = self._intent(order)
        if order.terms.protected:
            await self._stops.begin_exit(order.key, ExitAim.RELEASE)
        if order.adopted:
            await self._adopt_untracked(intent, AccountLogin(self._brokers, self._clock, intent))
        attempts = await self._leg(order)
        if attempts and attempts[-1].armed:
            attempts = await call_off(self._log, order.key, "called off before its time")
        if any(attempt.status in (OrderStatus.SENT, OrderStatus.OPEN) for attempt in attempts):
            policy = self._policy(order, AccountLogin(self._brokers, self._clock, intent))
            attempts = (await self._executor.execute(policy, halted(), attempts)).attempts
        exited = _exited(order, attempts)
        return replace(exited, held=0, outside=exited.held) if await self._is_gone(intent, exited) else exited

    async def _is_gone(self, intent: OrderIntent, exited: Exited) -> bool:
        """Tell whether the account shows none of the shares that are held, where it was found so before.

        One look that ends soon: a stop that is hit must not wait behind it.
        """
        if not exited.held or (await self._log.other_claims(intent.key)).missing < exited.held:
            return False
        try:
            broker = await self._brokers.of(intent.key.user_id, intent.terms.account)
            return await self._accounts.shows_none(intent, exited.held, broker)
        except (LoginNeeded, BrokerNotConnected, BrokerUnavailable):
            return False

    async def look(self, order: ExitOrder) -> Exited:
        """Find out whether the account still shows what is held; send nothing.

        What cannot be found out within `LOOK_WITHIN` counts as held: an unread account is not an empty one.
        Nor is one whose shares an order of this leg may have sold, which is in doubt still.
        """
        intent = replace(self._intent(order), patience=None)
        exited = _exited(order, await self._log.leg(order.key))
        if exited.in_doubt:
            return exited
        try:
            async with asyncio.timeout(LOOK_WITHIN):
                account = await self._brokers.of(intent.key.user_id, intent.terms.account)
                left = await self._accounts.sellable(intent, exited.held, account, asyncio.Event())
        except (TimeoutError, LoginNeeded, BrokerNotConnected, Unavailable):
            return exited
        left = exited.held if left is None else left
        return replace(exited, held=left, outside=exited.held - left)

    async def sell_scheduled(self, order: ExitOrder, scheduled: Attempt) -> None:
        """Send the intent that a worker holds for this sale, at its instant, and follow it.

        A sale that is late, has no login or meets a store that is away is left to the run at once.
        """
        intent = replace(self._intent(order), latest=order.due_at + EXIT_SENT_WITHIN)
        policy = ScheduledExitPolicy(
            *(intent, self._brokers, self._due, self._accounts, self._log, self._clock, self._rules),
            self._resting(order),
        )
        try:
            execution = await self._executor.execute(policy, asyncio.Event(), [scheduled])
        except TooLate:
            return
        if not execution.done:
            raise NotPlaced(left_words(execution.attempts, order.bought))

    async def sell_at_once(self, order: ExitOrder) -> None:
        """Sell now what nothing was sent for: claimed within a second or not at all, and not tried again.

        What rests at the exchange for it sells it.
        """
        await self.sell_resting(order)
        attempts = await self._log.leg(order.key)
        if len(attempts) == 1 and attempts[0].status is OrderStatus.PLANNED:
            await self.sell_scheduled(replace(order, due_at=self._clock.now()), attempts[0])

    async def sell_resting(self, order: ExitOrder) -> None:
        """Have what rests at the exchange sell at `due_at`, ahead of its run; send nothing else.

        What is asked before that instant saves time at it. Nothing happens where the shares are released, or
        no stop rests for them. Raises `LoginNeeded`, `BrokerNotConnected`, `StoreUnavailable`.
        """
        attempts = await self._log.leg(order.key) if order.terms.protected else ()
        if not any(one.resting is not None and not one.over for one in attempts):
            return
        intent, sale, never = self._intent(order), self._sale(), asyncio.Event()
        broker = await self._brokers.of(order.key.user_id, order.terms.account)
        await sale.ready(intent, attempts, broker, never)
        await self._clock.sleep_until(order.due_at)
        await sale.sell(intent, attempts, (), broker, never)
        if await self._stops.begin_exit(
            order.key, ExitAim.SELL, _why(order), reason=order.reason, over=False
        ):
            policy = self._policy(order, AccountLogin(self._brokers, self._clock, intent), sale)
            attempts = await self._log.leg(order.key)
            await self._executor.execute(policy, never, attempts, may_send=False)

    async def _sell(self, order: ExitOrder, halt: asyncio.Event, readings: int) -> Exited:
        intent = self._intent(order)
        login = AccountLogin(
            self._brokers, self._clock, intent, lambda why: self._alerts.needs_login(order, why)
        )
        for _ in range(readings):
            await self._adopt_untracked(intent, login)
        policy = self._policy(order, login)
        try:
            execution = await self._executor.execute(policy, halt, await self._leg(order))
        except ClosedOutside:
            return await self._closed_outside(order, policy)
        if not halt.is_set() and filled(execution.attempts) < order.bought:
            await self._raise_held_up(order, policy, execution.attempts)
            raise NotPlaced(left_words(execution.attempts, order.bought))
        return _exited(order, execution.attempts)

    async def _raise_held_up(self, order: ExitOrder, policy: ExitPolicy, attempts: Sequence[Attempt]) -> None:
        """Raise `HeldUp` where the next try is not due soon; tell the user once where others have to act."""
        try:
            found = await policy.obstacle(attempts)
        except LoginNeeded:
            return  # the next try waits for the login, and tells of it
        if found is None or (found.wait <= SOON and not found.blocking):
            return
        if found.is_others:
            await self._alerts.held_up(order, found)
        raise HeldUp(found, left_words(attempts, order.bought))

    async def _closed_outside(self, order: ExitOrder, policy: ExitPolicy) -> Exited:
        """Call off what was planned for shares that are gone; bring to its end what another caller sent."""
        attempts = await call_off(self._log, order.key, "the account does not show these shares any more")
        if not all(attempt.over for attempt in attempts):
            attempts = (await self._executor.execute(policy, halted(), attempts)).attempts
            if filled(attempts) < order.bought:
                raise NotPlaced(left_words(attempts, order.bought))
        exited = _exited(order, attempts)
        return replace(exited, held=0, outside=exited.held)

    async def _adopt_untracked(self, intent: OrderIntent, login: AccountLogin) -> None:
        while True:
            try:
                return await self._untracked.adopt(intent, await login.account())
            except LoginNeeded:
                await login.renew()

    def _intent(self, order: ExitOrder) -> OrderIntent:
        waits = patience(order.reason, self._clock.now() - order.due_at)
        return OrderIntent(
            order.key,
            order.terms,
            order.bought,
            order.reason,
            order.due_at,
            patience=waits,
            lifted=order.lifted,
            acting=order.price if order.reason is Reason.STOPLOSS else None,
            why=order.why,
        )

    async def _leg(self, order: ExitOrder) -> Sequence[Attempt]:
        if order.terms.protected:
            return await leg_of_today(self._log, order.key, order.terms, self._clock.now())
        return await self._log.leg(order.key)

    def _policy(
        self, order: ExitOrder, login: AccountLogin, resting: RestingSale | None = None
    ) -> ExitPolicy:
        resting, intent = resting or self._resting(order), self._intent(order)
        return ExitPolicy(intent, login, self._accounts, self._log, self._clock, self._rules, resting)

    def _resting(self, order: ExitOrder) -> RestingSale | None:
        return self._sale() if order.terms.protected else None

    def _sale(self) -> RestingSale:
        return RestingSale(self._changes, self._accounts, self._log, self._clock, self._rules)


def _why(order: ExitOrder) -> SaleLine | None:
    """Return the line that says why it is sold: its own, or what its order tells."""
    return order.why or sale_line(order.reason, order.bought, order.terms.symbol, order.due_at, order.price)


def _is_a_try(attempt: Attempt) -> bool:
    """Tell whether it was sent to sell at once, or changed to; a stop that rests is none before that."""
    rested = attempt.resting is not None and not attempt.resting.market_tries and not attempt.filled_quantity
    return attempt.sent_at is not None and not rested


def _exited(order: ExitOrder, attempts: Sequence[Attempt]) -> Exited:
    sold = filled(attempts)
    first_sent = next((attempt for attempt in attempts if attempt.filled_quantity), None)
    return Exited(
        sold=sold,
        held=order.bought - sold,
        average_price=average_price(attempts),
        reason=first_sent.reason if first_sent else None,
        detail=attempts[-1].message if attempts else "",
        tried=sum(_is_a_try(attempt) for attempt in attempts),
        in_doubt=any(attempt.status in (OrderStatus.SENT, OrderStatus.OPEN) for attempt in attempts),
    )
