"""Sells what a run holds, whatever fails, and finds out what its sales came to."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from activities.degraded_exit import DegradedExitActivities
from activities.failure_types import NOT_PLACED, STORE_AWAY
from activities.orders import OrderActivities
from domain.day import Day
from domain.order import Reason, off_books_number
from domain.run import Exited, OffBooksExit, OffBooksRecord, StartRun
from domain.run_texts import clock
from domain.timeline import EventKind
from workflows import policies
from workflows.run_orders import exit_order
from workflows.run_schedule import RunSchedule, wait
from workflows.run_writes import RunWrites


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

    async def exit(self) -> None:
        """Sell until flat, market close, or the user's word to keep the shares."""
        rounds = 0
        while self._day.held and not self._day.keeps and workflow.now() < self._start.plan.closes_at:
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
                    await self._emergency(rounds, failed)
                rounds += 1

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
        )

    async def square_the_books(self) -> None:
        """Before the day says what it holds: write down and find out what its sales came to.

        A sale whose worker was gone may have sold what the run still counts as held.
        """
        if self._went_off_books:
            await self._record_off_books(policies.WRITE_RETRY)
        if self._went_off_books or (self._sales and self._day.held):
            try:
                self._day.exited(await self.settle(policies.SQUARE_WITHIN))
            except ActivityError as failed:
                workflow.logger.warning("what the sales came to could not be found out: %s", failed.cause)

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
        order = exit_order(self._start, self._day, Reason.SELL, self._start.plan.sell_at)
        self._sales += 1
        armed = await self._schedule.arm(OrderActivities.arm_exit, order)
        await self._schedule.until_sent(order.due_at, armed)
        await wait(lambda: self._day.leaving, order.due_at, f"until {clock(order.due_at)}")
        if self._day.leaving:
            return  # the leg is one order, whichever of the two sales sends it
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
        )
        self._writes.move_to_exit(reason)
        try:
            if not (await self._sold(sale)).sent_off_books:
                self._off_books.remove(attempt)
        except ActivityError as failed:
            self._note_what_may_be_in_flight(failed)
            if _is_proven(failed):
                self._off_books.remove(attempt)
            await self._emergency(rounds, failed)

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
        await workflow.wait_condition(lambda: sale.done() or self._day.keeps)
        if not sale.done():
            sale.cancel()
        exited = await sale
        self._day.exited(exited)
        return exited

    def _start_sale(self, reason: Reason, due_at: datetime) -> "asyncio.Task[Exited]":
        order = exit_order(self._start, self._day, reason, due_at)
        self._sales += 1
        return workflow.start_activity_method(
            OrderActivities.exit,
            order,
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.ORDER_ATTEMPTS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"sell {self._day.held} {order.terms.symbol}: {reason}",
        )

    async def _emergency(self, rounds: int, failed: ActivityError) -> None:
        """Tell a person, now and again, wait a little, and let the exit go on."""
        pause = policies.emergency_pause(rounds)
        if rounds % policies.EMERGENCY_ALERT_EVERY == 0:
            await self._writes.alarm(
                "emergency_exit",
                f"selling {self._day.held} {self._start.strategy.symbol} failed ({failed.cause}); "
                f"it is tried again in {pause.total_seconds():g} s, and on, until it is sold, the market "
                "closes, or you stop it and keep the shares.",
                EventKind.EMERGENCY,
            )
        await wait(lambda: self._day.keeps, workflow.now() + pause, "before the next emergency exit")


def _store_is_away(failed: ActivityError) -> bool:
    return isinstance(failed.cause, ApplicationError) and failed.cause.type == STORE_AWAY


def _is_proven(failed: ActivityError) -> bool:
    """Tell whether a failure proves that no order of the leg is under way with no known answer."""
    cause = failed.cause
    if not isinstance(cause, ApplicationError) or cause.type not in (STORE_AWAY, NOT_PLACED):
        return False
    return not any(cause.details)
