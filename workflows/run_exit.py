"""Sells what a run holds, whatever fails, and finds out what its sales came to.

Where an exit may stand, and what leads on from there (from version 3 of a run on):

| it stands at                 | goes on by                                                    |
|------------------------------|---------------------------------------------------------------|
| waits for the opening        | the opening                                                   |
| sends, follows               | its fills; else the next attempt                              |
| in doubt                     | the broker's books, or an operator's word                     |
| without a login              | the login                                                     |
| refused, a pause             | the pause, the user's word                                    |
| refused, others have to act  | `execution.exit_lifts`, the user's word                       |
| Postgres away                | `execution.degraded_exit`                                     |
| slept through, nothing tried | the next session, by on_stop                                  |

The ways out of all of them: `keep`, at once or within `HALTED_WITHIN` for what is under way; a flat account,
where nothing is left to sell; and the market's close, with `CLOSING` for what is under way.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from activities.degraded_exit import DegradedExitActivities
from activities.exit_waits import ExitWaitActivities
from activities.failure_types import HELD_UP, NOT_PLACED, STORE_AWAY
from activities.orders import OrderActivities
from activities.sessions import SessionActivities
from domain.day import Day
from domain.order import Reason, off_books_number
from domain.refusal import Refusal
from domain.run import (
    Exited,
    GoesOn,
    HeldSale,
    OffBooksExit,
    OffBooksRecord,
    SleptThrough,
    StartRun,
)
from domain.run_texts import clock, slept_words
from domain.session import span_text
from domain.strategy import OnStop, Phase
from domain.terms import Protect
from domain.timeline import EventKind
from workflows import policies
from workflows.run_orders import exit_order
from workflows.run_schedule import RunSchedule, wait
from workflows.run_writes import RunWrites


@dataclass(frozen=True, slots=True)
class _HeldUp:
    """What the failure of a sale says: why it is not tried again, after which attempt, for how long."""

    refusal: Refusal
    attempt: int
    seconds: float
    is_others: bool


class RunExit:
    """The exit of one run: by its workers, alone while Postgres is away, and again until it is flat."""

    def __init__(self, start: StartRun, day: Day, writes: RunWrites, schedule: RunSchedule) -> None:
        self._start = start
        self._day = day
        self._writes = writes
        self._schedule = schedule
        self._off_books: list[int] = []
        self._off_books_tries = 0
        self._went_off_books = False
        self._sales = 0
        self._in_flight_since: datetime | None = None
        self._lifted = 0
        self._ways_out = start.version >= 3

    async def exit(self) -> bool:
        """Sell until flat, market close, or the user's word to keep the shares.

        Returns whether the day goes on holding: it was slept through, and its user wants no sale at once.
        """
        await self._sell_until_the_close()
        while self._ways_out and await self._was_slept_through():
            if not await self._goes_on():
                return False
            if self._start.strategy.on_stop is OnStop.KEEP and self._day.phase is Phase.HOLDING:
                return True
            self._writes.move_to_exit(Reason.SELL, slept_words(self._day))
            await self._sell_until_the_close()
        return False

    async def look(self, within: timedelta = 2 * policies.LOOK_AT_ACCOUNT) -> None:
        """Find out whether the account still shows what is held, if that can be found out; send nothing."""
        try:
            self._day.exited(await self._look(within))
        except ActivityError as failed:
            workflow.logger.warning("the account could not be looked at: %s", failed.cause)

    async def find_out(self, within: timedelta) -> None:
        """Find out what was sold, if that can be found out in time; send nothing."""
        try:
            self._day.exited(await self.settle(within))
        except ActivityError as failed:
            workflow.logger.warning("what the sales came to could not be found out: %s", failed.cause)
            self._day.left_unsettled()

    async def _sell_until_the_close(self) -> None:
        rounds = 0
        if self._ways_out:
            await self._wait_for_the_opening()
        while self._day.held and not self._day.keeps and workflow.now() < self._day.closes_at:
            try:
                await self._record_off_books(policies.ONCE)
                await self._sell()
            except ActivityError as failed:
                self._note_what_may_be_in_flight(failed)
                if self._day.keeps:
                    return  # the user called it off: no emergency; what it sold is found out at the end
                if _store_is_away(failed):
                    await self._sell_off_books(rounds)
                else:
                    await self._try_again(rounds, failed)
                rounds += 1

    async def _wait_for_the_opening(self) -> None:
        opens_at = self._day.opens_at
        if opens_at is not None:
            await wait(lambda: self._day.keeps, opens_at, f"until the market opens at {clock(opens_at)}")

    async def _was_slept_through(self) -> bool:
        """Tell whether the market has closed, and no order of the sale was ever sent."""
        if not self._day.held or self._day.keeps or self._start.release is not None:
            return False
        await self.find_out(policies.SQUARE_WITHIN)
        if self._day.held:
            await self.look()
        tried = self._day.was_tried or self._went_off_books
        return self._day.held > 0 and not tried and not self._day.keeps

    async def _goes_on(self) -> bool:
        """Take the next session for the sale; False where there is none for it."""
        slept = SleptThrough(
            self._writes.ref(), self._start, self._day.held, self._day.sell_at, self._day.closes_at
        )
        session: GoesOn = await self._writes.write(
            SessionActivities.next_session, slept, "find the session in which the sale goes on"
        )
        self._day.goes_on(session)
        return session.opens_at is not None

    async def settle(self, within: timedelta | None = None) -> Exited:
        """Find out what an earlier run sold; send nothing."""
        return await workflow.execute_activity_method(
            OrderActivities.settle_exit,
            replace(
                exit_order(self._start, self._day, Reason.STOP, workflow.now()),
                adopted=self._start.adopted is not None,
            ),
            schedule_to_close_timeout=within,
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.SETTLE_RETRY,
            summary="find out what was sold already",
            priority=policies.EXITS_FIRST,
        )

    async def square_the_books(self) -> None:
        """Before the day says what it holds: write down and find out what its sales came to.

        A sale whose worker was gone may have sold what the run still counts as held.
        """
        if self._went_off_books:
            await self._record_off_books(policies.WRITE_RETRY)
        rests = self._start.strategy.terms.protect is Protect.EXCHANGE  # what rests is released
        if self._went_off_books or (self._day.held and (self._sales or rests)):
            keeps = self._ways_out and self._day.keeps
            within = policies.KEEP_WITHIN if keeps else policies.SQUARE_WITHIN
            if rests:  # what rests would sell what is kept: its end is waited for, a login included
                within = max(within, self._day.closes_at - workflow.now())
            await self.find_out(within)
        if self._start.version >= 4 and self._day.held and self._day.keeps and self._start.release is None:
            await self.look(policies.LOOK_BEFORE_KEEP)  # "kept" is said of shares that are there

    async def _sell(self) -> None:
        reason = self._day.exit_reason
        if reason is None:
            return await self._sell_at_sell_time()
        sale = self._start_sale(reason, workflow.now())
        self._writes.move_to_exit(reason)
        await self._sold(sale)
        return None

    async def _sell_at_sell_time(self) -> None:
        """Have it sold at the second; whatever comes before it starts a sale of its own at once."""
        order = exit_order(self._start, self._day, Reason.SELL, self._day.sell_at)
        self._sales += 1
        armed = await self._schedule.arm(OrderActivities.arm_exit, order)
        await self._schedule.until_sent(order.due_at, armed)
        await wait(lambda: self._day.leaving, order.due_at, f"until {clock(order.due_at)}")
        if self._day.leaving:
            return  # the leg is one order, whichever of the two sales sends it
        if self._ways_out and workflow.now() >= self._day.closes_at:
            return  # slept through: what was armed is called off, and the day goes on in another session
        sale = self._start_sale(Reason.SELL, order.due_at)
        self._writes.move_to_exit(Reason.SELL)
        await self._sold(sale)

    async def _sell_off_books(self, rounds: int) -> None:
        """Sell without Postgres: no worker can claim, so the run alone sells, once it has read the books."""
        attempt = off_books_number(self._off_books_tries)
        self._off_books_tries += 1
        self._off_books.append(attempt)
        self._went_off_books = True
        reason = self._day.exit_reason or Reason.SELL
        order = exit_order(self._start, self._day, reason, workflow.now())
        sale = workflow.start_activity_method(
            DegradedExitActivities.exit_without_store,
            OffBooksExit(order, attempt, self._in_flight_since),
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.ONCE,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"sell {self._day.held} {order.terms.symbol} while Postgres is away: {reason}",
            priority=policies.EXITS_FIRST,
        )
        self._writes.move_to_exit(reason)
        try:
            if not (await self._sold(sale)).sent_off_books:
                self._off_books.remove(attempt)
        except ActivityError as failed:
            self._note_what_may_be_in_flight(failed)
            if _is_proven(failed):
                self._off_books.remove(attempt)
            held, words = (_held_up(failed) if self._ways_out else None), self._day.words
            pause = timedelta(seconds=held.seconds) if held is not None else None
            await self._emergency(rounds, failed, pause, lambda: self._day.words != words)

    def _note_what_may_be_in_flight(self, failed: ActivityError) -> None:
        if not _is_proven(failed):
            self._in_flight_since = workflow.now()

    async def _record_off_books(self, retry: RetryPolicy) -> None:
        """Write down what was sent without the store; from there it is looked up like any other."""
        if not self._off_books:
            return
        order = exit_order(self._start, self._day, self._day.exit_reason or Reason.SELL, workflow.now())
        await workflow.execute_activity_method(
            DegradedExitActivities.record_off_books,
            OffBooksRecord(order, tuple(self._off_books)),
            start_to_close_timeout=policies.WRITE_TIMEOUT,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=retry,
            summary="write down what was sent while Postgres was away",
        )

    async def _sold(self, sale: "asyncio.Task[Exited]") -> Exited:
        if self._ways_out:
            left = max(self._day.closes_at - workflow.now(), timedelta(0)) + policies.CLOSING
            await wait(
                lambda: sale.done() or self._day.keeps, workflow.now() + left, "the sale, or the close"
            )
        else:
            await workflow.wait_condition(lambda: sale.done() or self._day.keeps)
        if not sale.done():
            sale.cancel()
        exited = await sale
        self._day.exited(exited)
        return exited

    def _start_sale(self, reason: Reason, due_at: datetime) -> "asyncio.Task[Exited]":
        order = replace(exit_order(self._start, self._day, reason, due_at), lifted=self._lifted)
        self._sales += 1
        return workflow.start_activity_method(
            OrderActivities.exit,
            order,
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.ORDER_ATTEMPTS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"sell {self._day.held} {order.terms.symbol}: {reason}",
            priority=policies.EXITS_FIRST,
        )

    async def _try_again(self, rounds: int, failed: ActivityError) -> None:
        """Wait until the sale is tried again: for a pause, or for what has to be lifted first."""
        held = _held_up(failed) if self._ways_out else None
        if held is None:
            return await self._emergency(rounds, failed)
        words = self._day.words
        if held.is_others:
            await self._until_lifted(held, words)
        else:
            pause = timedelta(seconds=held.seconds)
            await self._emergency(rounds, failed, pause, lambda: self._day.words != words)
        if self._day.words != words:
            self._lifted = held.attempt
        return None

    async def _until_lifted(self, held: _HeldUp, words: int) -> None:
        """Wait for what lifts a refusal. The user was told of it by the sale itself."""
        order = exit_order(self._start, self._day, self._day.exit_reason or Reason.SELL, workflow.now())
        lift = workflow.start_activity_method(
            ExitWaitActivities.wait_for_lift,
            HeldSale(order, held.refusal, held.attempt, held.seconds),
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.SETTLE_RETRY,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"wait until the sale is tried again: {held.refusal}",
        )
        over = min(self._day.closes_at, workflow.now() + timedelta(seconds=held.seconds) + policies.CLOSING)
        await wait(
            lambda: lift.done() or self._day.keeps or self._day.words != words, over, "what has to be lifted"
        )
        if not lift.done():
            lift.cancel()
        try:
            self._lifted = max(self._lifted, (await lift).lifted)
        except ActivityError as ended:
            workflow.logger.info("the wait for a refused sale was ended: %s", ended.cause)

    async def _look(self, within: timedelta) -> Exited:
        order = exit_order(self._start, self._day, Reason.STOP, workflow.now())
        return await workflow.execute_activity_method(
            ExitWaitActivities.look_at_account,
            order,
            start_to_close_timeout=policies.LOOK_AT_ACCOUNT,
            schedule_to_close_timeout=within,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.SETTLE_RETRY,
            summary="look whether the shares are still in the account",
        )

    async def _emergency(
        self,
        rounds: int,
        failed: ActivityError,
        pause: timedelta | None = None,
        woken: Callable[[], bool] = lambda: False,
    ) -> None:
        """Tell a person, now and again, wait a little, and let the exit go on."""
        pause = policies.emergency_pause(rounds) if pause is None else pause
        if rounds % policies.EMERGENCY_ALERT_EVERY == 0:
            await self._writes.alarm(
                "emergency_exit",
                f"Selling {self._day.held} {self._start.strategy.symbol} failed{_why(failed)}; it is tried "
                f"again in {span_text(pause)}, and on, until it is sold, the market closes, or you stop it "
                "and keep the shares.",
                EventKind.EMERGENCY,
            )
        until = workflow.now() + pause
        if self._ways_out:
            until = min(until, self._day.closes_at)
        await wait(lambda: self._day.keeps or woken(), until, "before the next emergency exit")


def _store_is_away(failed: ActivityError) -> bool:
    return isinstance(failed.cause, ApplicationError) and failed.cause.type == STORE_AWAY


def _is_proven(failed: ActivityError) -> bool:
    """Tell whether a failure proves that no order of the leg is under way with no known answer."""
    cause = failed.cause
    if not isinstance(cause, ApplicationError):
        return False
    if cause.type == HELD_UP:
        return True
    return cause.type in (STORE_AWAY, NOT_PLACED) and not any(cause.details)


def _held_up(failed: ActivityError) -> _HeldUp | None:
    """Return what keeps a refused sale from being tried again, None where nothing does."""
    cause = failed.cause
    if not isinstance(cause, ApplicationError) or cause.type != HELD_UP:
        return None
    refusal, attempt, seconds, is_others = cause.details
    return _HeldUp(Refusal(refusal), int(attempt), float(seconds), bool(is_others))


def _why(failed: ActivityError) -> str:
    """Return why it failed, in brackets, without the name of its class; nothing where nothing is said."""
    words = failed.cause.message if isinstance(failed.cause, ApplicationError) else str(failed.cause or "")
    words = words.removesuffix(": ")  # a worker of before
    return f" ({words})" if words else ""
