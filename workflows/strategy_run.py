"""A strategy's day: wait, buy at the second, hold under the stop, sell once, stop."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.degraded_exit import DegradedExitActivities
    from activities.failure_types import NOT_PLACED, STOOD_DOWN, STORE_AWAY
    from activities.orders import OrderActivities
    from activities.runs import RunActivities
    from domain.day import Day
    from domain.messages import read_stop, read_stop_loss
    from domain.order import Leg, LegKey, OrderTerms, Reason, off_books_number
    from domain.run import (
        ActivateRun,
        Activation,
        Alarm,
        Armed,
        Entered,
        EnterOrder,
        Exited,
        ExitOrder,
        FinishRun,
        OffBooksExit,
        OffBooksRecord,
        PhaseChange,
        RunNote,
        RunRef,
        RunView,
        StartRun,
    )
    from domain.run_texts import PhaseWords, clock, day_in_brief, exit_words, phase_words
    from domain.strategy import Move, Phase
    from domain.timeline import EventKind
    from workflows import policies

PHASE = SearchAttributeKey.for_keyword("StopwatchPhase")


@workflow.defn(name="StrategyRun")
class StrategyRun:
    """Owns one strategy from START until it is flat and stopped, whatever crashes meanwhile."""

    @workflow.init
    def __init__(self, start: StartRun) -> None:
        # State is made here, not in `run`: a signal may arrive before its first step.
        self._start = start
        self._day = Day(start)
        self._finished = False
        self._writing: asyncio.Task[None] | None = None
        self._off_books: list[int] = []
        self._off_books_tries = 0
        self._went_off_books = False
        self._sales = 0
        self._in_flight_since: datetime | None = None
        self._set_aside: list[asyncio.Task[Armed]] = []
        self._told_sold = False

    @workflow.run
    async def run(self, start: StartRun) -> RunView:
        """Trade the day. Cancellation is a stop: the day itself is never cut short."""
        day = asyncio.create_task(self._live())
        while not day.done():
            try:
                await workflow.wait_condition(day.done)
            except asyncio.CancelledError:
                self._day.cancel_asked()
        day.result()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._day.cancelled:
            raise asyncio.CancelledError("cancelled from outside; the strategy was stopped by its on_stop")
        return self._day.view()

    @workflow.signal(name="STOPLOSS")
    def stop_loss(self, message: Any = None) -> None:
        """The price reached the stop: `{price, tick_at, seen_at}`."""
        hit = read_stop_loss(message)
        entry_is_due = workflow.now() >= self._start.plan.buy_at
        if hit is None or not self._day.hit(hit, entry_is_due=entry_is_due):
            workflow.logger.info("STOPLOSS ignored: nothing is held, or no price at the stop in it")

    @workflow.signal(name="SOLD")
    def sold(self, message: Any = None) -> None:
        """Postgres says that nothing is held any more: the run finds out what sold it, and ends."""
        self._told_sold = True

    @workflow.update(name="stop")
    async def stop(self, message: Any = None) -> RunView:
        """Stop: `{on_stop}`; answers when the run is flat (or has kept its shares) and stopped."""
        self._day.asked_to_stop(read_stop(message))
        await workflow.wait_condition(lambda: self._finished)
        return self._day.view()

    @workflow.update(name="started")
    async def started(self) -> RunView:
        """Answer as soon as this START is written down."""
        await workflow.wait_condition(lambda: self._day.round > 0 or self._finished)
        return self._day.view()

    @workflow.query(name="view")
    def view(self) -> RunView:
        """Say where the run stands."""
        return self._day.view()

    async def _live(self) -> None:
        if not await self._activate():
            self._finished = True
            return
        try:
            await self._trade()
        except Exception as fault:  # a bug of ours must not leave shares unwatched
            await self._rescue(fault)
        await self._stop()

    async def _trade(self) -> None:
        if self._start.adopted is not None:
            return await self._take_over()
        if self._start.sell_only:
            return await self._exit()
        await self._wait_for_buy_time()
        if self._day.leaving:
            return None
        await self._enter()
        if self._day.held:
            self._move(Move.BOUGHT)
            await self._hold()
        if self._day.held and not self._day.keeps:
            await self._exit()
        return None

    async def _activate(self) -> bool:
        """Write the start down; False when there is nothing to own: deleted, or running already."""
        self._show_phase(listed=self._start.version >= 2)
        request = ActivateRun(self._ref(), self._start)
        try:
            activation = await self._write_start(request)
        except FailureError as stood_down:
            workflow.logger.warning("this run stands down: %s", _cause(stood_down))
            return False
        self._day.activated(activation)
        return True

    async def _write_start(self, request: ActivateRun) -> Activation:
        """Write it within the run's first step: START answers in half the time.

        What cannot be written at once is written like everything else, however long that takes.
        """
        if self._start.version >= 2:
            try:
                return await workflow.execute_local_activity_method(
                    RunActivities.activate,
                    request,
                    start_to_close_timeout=policies.AT_ONCE,
                    retry_policy=policies.ONCE,
                    summary="write the start down",
                )
            except FailureError as failed:  # the SDK raises now the cause alone, now wrapped
                if _stood_down(failed):
                    raise
        return cast(Activation, await self._write(RunActivities.activate, request, "write the start down"))

    async def _take_over(self) -> None:
        """Bring what an earlier run of this START left to its end, by on_stop; a sale goes on."""
        if self._start.sell_only:
            self._move_to_exit(Reason.STOP)
            self._day.exited(await self._settle_exit())
            return await self._exit()
        self._move(Move.BUY_DUE, (EventKind.PHASE, "Finding out what the earlier run bought and sold."))
        self._day.entered(await self._settle_entry(self._entry_order()))
        if self._day.held:
            self._move(Move.BOUGHT)
            self._day.exited(await self._settle_exit())
        if self._day.held and not self._day.keeps:
            await self._exit()
        return None

    async def _settle_exit(self, within: timedelta | None = None) -> Exited:
        """Find out what an earlier run sold; send nothing."""
        return await workflow.execute_activity_method(
            OrderActivities.settle_exit,
            replace(self._exit_order(Reason.STOP, workflow.now()), adopted=self._start.adopted is not None),
            schedule_to_close_timeout=within,
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.SETTLE_RETRY,
            summary="find out what was sold already",
        )

    async def _wait_for_buy_time(self) -> None:
        wake = policies.wake_at(self._start.plan.buy_at, self._start.strategy.strategy_id)
        await self._wait(
            lambda: self._day.leaving, wake, f"until shortly before {clock(self._start.plan.buy_at)}"
        )

    async def _enter(self) -> None:
        self._move(Move.BUY_DUE)
        order = self._entry_order()
        armed = await self._arm(OrderActivities.arm_entry, order)
        await self._look_later(order.due_at, armed)
        if self._day.leaving:
            self._day.entered(await self._settle_entry(order))
        else:
            await self._see_to_entry(order)

    async def _arm(self, what: Callable[..., Any], order: EnterOrder | ExitOrder) -> Armed:
        """Have a worker hold the order for its instant; where none can, the run carries it out itself."""
        arming: asyncio.Task[Armed] = workflow.start_activity_method(
            what,
            order,
            start_to_close_timeout=policies.ARM_TIMEOUT,
            schedule_to_close_timeout=policies.ARM_WITHIN,
            retry_policy=policies.ARM_RETRY,
            summary=f"have it held for {clock(order.due_at)}",
        )
        await workflow.wait_condition(lambda: arming.done() or self._day.leaving)
        if not arming.done():
            self._set_aside.append(arming)  # who leaves does not wait; what is armed yet is called off
            return Armed(None)
        try:
            return await arming
        except ActivityError as failed:
            workflow.logger.warning("the order could not be armed: %s", failed.cause)
            return Armed(None)

    async def _look_later(self, due_at: datetime, armed: Armed) -> None:
        """Wait until a held order has been sent at its instant, or somebody says to leave."""
        if armed.slot is not None:
            look_at = policies.look_at(due_at, armed.slot)
            await self._wait(lambda: self._day.leaving, look_at, f"held for {clock(due_at)}")

    async def _see_to_entry(self, order: EnterOrder) -> None:
        """Buy, unless a worker has: then find out how it ended."""
        entry = workflow.start_activity_method(
            OrderActivities.enter,
            order,
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.ORDER_ATTEMPTS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"buy {order.quantity} {order.terms.symbol} at {clock(self._start.plan.buy_at)}",
        )
        await workflow.wait_condition(lambda: entry.done() or self._day.leaving)
        if not entry.done():
            entry.cancel()  # cancels what is open at the broker too, and says what was filled
        try:
            self._day.entered(await entry)
        except ActivityError as failed:
            workflow.logger.warning("the entry's attempts are used up: %s", failed.cause)
            self._day.entered(await self._settle_entry(order))

    async def _settle_entry(self, order: EnterOrder) -> Entered:
        """Find out what became of an entry whose activity gave up: it may have been sent."""
        return await workflow.execute_activity_method(
            OrderActivities.settle_entry,
            order,
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.SETTLE_RETRY,
            summary="find out what became of the entry",
        )

    async def _hold(self) -> None:
        """Hold until shortly before sell_at, or until the shares are to be sold, or are sold."""
        wake = policies.wake_at(self._start.plan.sell_at, self._start.strategy.strategy_id)
        words = f"hold until shortly before {clock(self._start.plan.sell_at)}"
        while await self._wait(lambda: self._day.leaving or self._told_sold, wake, words):
            if self._day.leaving:
                return
            self._told_sold = False
            self._day.exited(await self._settle_exit())
            if not self._day.held:
                return

    async def _exit(self) -> None:
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

    async def _sell(self) -> None:
        reason = self._day.exit_reason
        if reason is None:
            return await self._sell_at_sell_time()
        sale = self._start_sale(reason, workflow.now())
        self._move_to_exit(reason)
        await self._sold(sale)
        return None

    async def _sell_at_sell_time(self) -> None:
        """Have it sold at the second; whatever comes before it starts a sale of its own at once."""
        order = self._exit_order(Reason.SELL, self._start.plan.sell_at)
        self._sales += 1
        armed = await self._arm(OrderActivities.arm_exit, order)
        await self._look_later(order.due_at, armed)
        await self._wait(lambda: self._day.leaving, order.due_at, f"until {clock(order.due_at)}")
        if self._day.leaving:
            return  # the leg is one order, whichever of the two sales sends it
        sale = self._start_sale(Reason.SELL, order.due_at)
        self._move_to_exit(Reason.SELL)
        await self._sold(sale)

    async def _sell_off_books(self, rounds: int) -> None:
        """Postgres is away, so nobody can claim: the run alone sells, looking in the broker's books first."""
        attempt = off_books_number(self._off_books_tries)
        self._off_books_tries += 1
        self._off_books.append(attempt)
        self._went_off_books = True
        reason = self._day.exit_reason or Reason.SELL
        order = self._exit_order(reason, workflow.now())
        sale = workflow.start_activity_method(
            DegradedExitActivities.exit_without_store,
            OffBooksExit(order, attempt, self._in_flight_since),
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.ONCE,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"sell {self._day.held} {order.terms.symbol} while Postgres is away: {reason}",
        )
        self._move_to_exit(reason)
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
        order = self._exit_order(self._day.exit_reason or Reason.SELL, workflow.now())
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
        order = self._exit_order(reason, due_at)
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
            await self._alarm(
                "emergency_exit",
                f"selling {self._day.held} {self._start.strategy.symbol} failed ({failed.cause}); "
                f"it is tried again in {pause.total_seconds():g} s, and on, until it is sold, the market "
                "closes, or you stop it and keep the shares.",
                EventKind.EMERGENCY,
            )
        await self._wait(lambda: self._day.keeps, workflow.now() + pause, "before the next emergency exit")

    async def _rescue(self, fault: Exception) -> None:
        """Whatever broke, what was bought is found and sold: a day never ends holding in silence."""
        workflow.logger.exception("the day broke; going to its exit")
        self._day.broke(f"the run had a fault of its own: {type(fault).__name__}")
        await self._alarm("run_fault", f"A strategy's run broke ({fault}); what it holds is sold now.")
        if self._day.phase is Phase.ENTERING:
            self._day.entered(await self._settle_entry(self._entry_order()))
            if self._day.held:
                self._move(Move.BOUGHT)
        if self._day.held and not self._day.keeps:
            self._day.asked_to_stop(None)
            await self._exit()

    async def _stop(self) -> None:
        await asyncio.gather(*self._set_aside, return_exceptions=True)
        if self._writing is not None:
            await self._writing
        await self._square_the_books()
        end = self._day.conclude()
        if self._day.held and not self._day.keeps:
            await self._alarm("position_left", end.detail)
        outside = self._day.outside
        request = FinishRun(self._ref(), self._start.strategy, end.outcome, end.detail, end.position, outside)
        clean = await self._write(RunActivities.finish, request, f"stop: {end.outcome}")
        self._day.move(Move.END)
        self._show_phase()
        self._finished = True
        if not clean:
            await self._write(RunActivities.clean_up, self._start.strategy, "delete the Redis keys")

    async def _square_the_books(self) -> None:
        """Before the day says what it holds: write down and find out what its sales came to.

        A sale whose worker was gone may have sold what the run still counts as held.
        """
        if self._went_off_books:
            await self._record_off_books(policies.WRITE_RETRY)
        if self._went_off_books or (self._sales and self._day.held):
            try:
                self._day.exited(await self._settle_exit(policies.SQUARE_WITHIN))
            except ActivityError as failed:
                workflow.logger.warning("what the sales came to could not be found out: %s", failed.cause)

    def _move_to_exit(self, reason: Reason) -> None:
        if self._day.phase is Phase.EXITING:
            return
        self._move(Move.SELL_ONLY if self._start.sell_only else Move.EXIT_DUE, exit_words(self._day, reason))

    def _move(self, move: Move, words: PhaseWords | None = None) -> None:
        """Enter the next phase, and say so."""
        phase = self._day.move(move)
        self._show_phase()
        kind, text = words or phase_words(self._day)
        change = PhaseChange(self._ref(), phase, text, kind)
        self._write_in_turn(RunActivities.change_phase, change, f"write: {phase}")

    async def _alarm(self, kind: str, text: str, line: EventKind = EventKind.ALERT) -> None:
        """Tell a person now; the timeline's line is written when Postgres takes it."""
        strategy = self._start.strategy
        once = f"{kind}-{workflow.info().run_id}-{workflow.info().get_current_history_length()}"
        note = RunNote(self._ref(), line, text, once)
        self._write_in_turn(RunActivities.note, note, f"write: {kind}")
        alarm = Alarm(kind, text, strategy.user_id, strategy.strategy_id)
        await self._write(RunActivities.alarm, alarm, f"alert: {kind}")

    def _write_in_turn(self, what: Callable[..., Any], message: Any, summary: str) -> None:
        """Write something after what was written before it, without holding the day up."""
        before = self._writing

        async def write() -> None:
            if before is not None:
                await before
            await self._write(what, message, summary)

        self._writing = asyncio.create_task(write())

    async def _write(self, what: Callable[..., Any], message: Any, summary: str) -> Any:
        """Write something down, however long the store is away."""
        return await workflow.execute_activity_method(
            what,
            message,
            start_to_close_timeout=policies.WRITE_TIMEOUT,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.WRITE_RETRY,
            summary=summary,
        )

    async def _wait(self, until: Callable[[], bool], instant: datetime, summary: str) -> bool:
        """Wait for a condition or an instant, whichever comes first; tell whether it was the condition."""
        left = instant - workflow.now()
        if left <= timedelta(0):
            return False
        try:
            await workflow.wait_condition(until, timeout=left, timeout_summary=summary)
        except TimeoutError:
            return False
        return True

    def _show_phase(self, listed: bool = False) -> None:
        """Show the phase to who looks at the run; `listed`: whoever started the run has listed it already."""
        if not listed:
            workflow.upsert_search_attributes([PHASE.value_set(self._day.phase)])
        workflow.set_current_details(day_in_brief(self._day))

    def _entry_order(self) -> EnterOrder:
        strategy, plan = self._start.strategy, self._start.plan
        return EnterOrder(
            self._leg(Leg.ENTRY),
            self._terms(),
            strategy.quantity,
            strategy.stop_loss,
            plan.buy_at,
            plan.closes_at,
            plan.segment,
            plan.sell_at,
        )

    def _exit_order(self, reason: Reason, due_at: datetime) -> ExitOrder:
        hit = self._day.stop_loss
        price = hit.price if hit else None
        return ExitOrder(self._leg(Leg.EXIT), self._terms(), self._day.bought, reason, due_at, price)

    def _leg(self, leg: Leg) -> LegKey:
        strategy = self._start.strategy
        return LegKey(
            strategy.strategy_id, strategy.user_id, self._start.plan.trading_day, self._day.round, leg
        )

    def _terms(self) -> OrderTerms:
        strategy = self._start.strategy
        return OrderTerms(strategy.exchange, strategy.symbol, strategy.product, self._start.account)

    def _ref(self) -> RunRef:
        info, strategy = workflow.info(), self._start.strategy
        return RunRef(
            strategy.strategy_id,
            strategy.user_id,
            info.workflow_id,
            info.run_id,
            self._start.start_id,
            info.workflow_start_time,
        )


def _cause(failed: FailureError) -> BaseException | None:
    return failed.cause if isinstance(failed, ActivityError) else failed


def _stood_down(failed: FailureError) -> bool:
    cause = _cause(failed)
    return isinstance(cause, ApplicationError) and cause.type == STOOD_DOWN


def _store_is_away(failed: ActivityError) -> bool:
    return isinstance(failed.cause, ApplicationError) and failed.cause.type == STORE_AWAY


def _is_proven(failed: ActivityError) -> bool:
    """Tell whether a failure proves that no order of the leg is under way with no known answer."""
    cause = failed.cause
    if not isinstance(cause, ApplicationError) or cause.type not in (STORE_AWAY, NOT_PLACED):
        return False
    return not any(cause.details)
