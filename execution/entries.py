"""Buys: from before the instant of an entry to its end, for its run or for a worker that scheduled it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from domain.errors import StoreUnavailable
from domain.exit_obstacle import NO_REASON
from domain.operator_alerts import foreign_entry_alarm
from domain.order import Attempt, OrderStatus, Reason
from domain.ports import Alerts, Brokers, Clock, OrderLog
from domain.run import Entered, EnterOrder
from domain.strategy import Outcome
from execution.account_login import AccountLogin
from execution.entry_checks import EntryChecks
from execution.entry_policy import EntryPolicy
from execution.entry_results import Cancelled, entered_by, missed, never_sent
from execution.execution_rules import RETRY_EVERY, ExecutionRules
from execution.executor import OrderExecutor
from execution.halting import halted
from execution.intents import call_off, plan_first
from execution.order_intent import Barred, EntryRefused, Foreign, NotPlaced, OrderIntent, TooLate
from execution.runtime_lock import RuntimeLock

STOPPED_BETWEEN = "stopped before the rest was sent"
AT_LEAST = 1
"""Shares wanted of an entry whose quantity is computed as it is sent (`EntryPolicy.wanted`)."""


class Entries:
    """Buys one leg at a time. Callers of one entry may race: the executor keeps the order single."""

    def __init__(
        self,
        executor: OrderExecutor,
        checks: EntryChecks,
        lock: RuntimeLock,
        log: OrderLog,
        brokers: Brokers,
        clock: Clock,
        rules: ExecutionRules,
        alerts: Alerts,
    ) -> None:
        self._executor = executor
        self._alerts = alerts
        self._checks = checks
        self._lock = lock
        self._log = log
        self._brokers = brokers
        self._clock = clock
        self._rules = rules

    async def enter(
        self, order: EnterOrder, halt: asyncio.Event, owner: str, scheduled: Attempt | None = None
    ) -> Entered:
        """Confirm the entry where it was sent already; else hold until `due_at`, check, and buy.

        Returns when the entry has ended, or once it is too late. `owner` names the caller, for the runtime
        lock; `scheduled` is the intent that a worker holds for it. Halted, it sends nothing more, cancels
        what is open, and returns what was filled. Raises `NotPlaced` when an attempt was refused and the next
        may pass, `StoreUnavailable` when it is too late to wait.
        """
        while True:
            try:
                return await self._enter(order, halt, owner, scheduled)
            except StoreUnavailable:
                if halt.is_set() or self._clock.now() > self._waits_until(order):
                    raise
                await self._clock.sleep(RETRY_EVERY)

    async def settle(self, order: EnterOrder) -> Entered:
        """Bring to its end what was sent for the entry, call off what was not; send nothing."""
        policy = self._policy(order, "")
        attempts = await self._log.leg(order.key)
        if not attempts:
            # Another worker may be about to write the first one: it is there, and called off.
            await plan_first(self._log, policy.intent)
            attempts = await self._log.leg(order.key)
        if attempts[-1].status is OrderStatus.PLANNED:
            refusal = self._unsent(order, attempts)
            attempts = await call_off(self._log, order.key, refusal.detail, refusal.outcome)
        elif order.terms.most is not None:
            # Another worker that holds this entry sends no further slice.
            attempts = await self._log.close(order.key, STOPPED_BETWEEN, Outcome.STOPPED)
        if not all(attempt.over for attempt in attempts):
            attempts = (await self._executor.execute(policy, halted(), attempts)).attempts
        entered = entered_by(attempts, Cancelled.CUT_SHORT)
        if entered.filled:
            return entered
        # Another worker that holds this entry plans no further attempt of it; one that it planned a moment
        # before may be on its way, or filled.
        known = len(attempts)
        attempts = await call_off(self._log, order.key, entered.detail, entered.outcome)
        if len(attempts) == known:
            return entered
        attempts = (await self._executor.execute(policy, halted(), attempts)).attempts
        return entered_by(attempts, Cancelled.CUT_SHORT)

    async def _enter(
        self, order: EnterOrder, halt: asyncio.Event, owner: str, scheduled: Attempt | None
    ) -> Entered:
        attempts = [scheduled] if scheduled is not None else await self._log.leg(order.key)
        if never_sent(attempts):
            return entered_by(attempts)  # called off by its holder, on a holiday say: no login is waited for
        policy = self._policy(order, owner)
        try:
            execution = await self._executor.execute(policy, halt, attempts)
        except EntryRefused as refused:
            return await self._called_off(policy, refused.entered, halt)
        except TooLate as late:
            refusal = self._too_late(order, await self._log.leg(order.key), str(late))
            return await self._called_off(policy, refusal, halt)
        except Barred as bar:
            if isinstance(bar, Foreign):
                await self._alerts.raise_(foreign_entry_alarm(order))
            refusal = Entered(0, outcome=Outcome.SKIPPED, detail=str(bar))
            return await self._called_off(policy, refusal, halt)
        finally:
            if policy.was_checked:
                await self._lock.release(order.key.strategy_id, owner)
        if halt.is_set():
            return await self.settle(order)
        if not execution.done:
            raise NotPlaced(execution.attempts[-1].message or NO_REASON)
        return entered_by(execution.attempts, _cancelled(policy, execution.attempts, halt))

    async def _called_off(self, policy: EntryPolicy, refusal: Entered, halt: asyncio.Event) -> Entered:
        """Close the entry with the reason; where another caller has sent it in time, follow that order."""
        attempts = await call_off(self._log, policy.intent.key, refusal.detail, refusal.outcome)
        if all(attempt.status is OrderStatus.NOT_PLACED for attempt in attempts):
            return refusal
        attempts = (await self._executor.execute(policy, halt, attempts, may_send=False)).attempts
        return entered_by(attempts, _cancelled(policy, attempts, halt))

    def _unsent(self, order: EnterOrder, attempts: Sequence[Attempt]) -> Entered:
        if self._clock.now() > self._latest(order):
            return self._too_late(order, attempts)
        return Entered(0, outcome=Outcome.STOPPED, detail="stopped before it was sent")

    def _too_late(self, order: EnterOrder, attempts: Sequence[Attempt], why: str = "") -> Entered:
        return missed(order, attempts, self._clock.now(), self._latest(order), why)

    def _policy(self, order: EnterOrder, owner: str) -> EntryPolicy:
        latest = self._latest(order)
        intent = OrderIntent(
            order.key, order.terms, order.quantity or AT_LEAST, Reason.BUY, order.due_at, latest
        )
        login = AccountLogin(self._brokers, self._clock, intent)
        return EntryPolicy(
            order, intent, owner, latest, login, self._checks, self._log, self._clock, self._rules
        )

    def _waits_until(self, order: EnterOrder) -> datetime:
        """Return until when the store is waited for: what may rest at the broker is followed to its end."""
        rests = order.how.entry.for_seconds if order.how.entry is not None else 0
        return self._latest(order) + timedelta(seconds=rests)

    def _latest(self, order: EnterOrder) -> datetime:
        """Return until when an entry may be sent: the claim judges it, by the store's clock."""
        latest = order.due_at + self._rules.missed_after
        return min(latest, order.closes_at) if order.closes_at else latest


def _cancelled(policy: EntryPolicy, attempts: Sequence[Attempt], halt: asyncio.Event) -> Cancelled:
    if halt.is_set():
        return Cancelled.CUT_SHORT
    return Cancelled.OUTSIDE if policy.may_rest(attempts) else Cancelled.IN_ITS_TIME
