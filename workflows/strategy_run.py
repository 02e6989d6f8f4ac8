"""A strategy's day: wait, buy at the second, hold under the stop, sell once, stop."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.orders import OrderActivities
    from activities.reentry import ReentryActivities
    from activities.runs import RunActivities
    from domain.day import Day
    from domain.messages import read_hit, read_limit, read_stop, stop_fault
    from domain.order import Reason
    from domain.reentry import again_words, buys_again
    from domain.run import (
        ActivateRun,
        Activation,
        AwaitPrice,
        Entered,
        EnterOrder,
        FinishRun,
        PriceHit,
        Release,
        RunNote,
        RunView,
        StartRun,
    )
    from domain.run_texts import clock, entry_summary
    from domain.strategy import Move, Phase
    from domain.timeline import EventKind
    from domain.trigger import TriggerKind
    from workflows import policies
    from workflows.run_exit import RunExit
    from workflows.run_failures import STOP_REFUSED, cause_of, is_stood_down
    from workflows.run_orders import awaited_price, entry_order, unknown_entry
    from workflows.run_schedule import RunSchedule, wait
    from workflows.run_series import RunSeries
    from workflows.run_writes import RunWrites


@workflow.defn(name="StrategyRun")
class StrategyRun:
    """Owns one strategy from START until it is flat and stopped, whatever crashes until then."""

    @workflow.init
    def __init__(self, start: StartRun) -> None:
        # State is made here, not in `run`: a signal may arrive before its first step.
        self._start = start
        self._day = Day(start)
        self._finished = False
        self._writes = RunWrites(start, self._day)
        self._schedule = RunSchedule(self._day)
        self._exit = RunExit(start, self._day, self._writes, self._schedule)
        self._told_sold = False
        self._series = RunSeries(start, self._day, self._writes)

    @workflow.run
    async def run(self, start: StartRun) -> RunView:
        """Trade the day. Cancellation is a stop: the day itself is never cut short."""
        day = asyncio.create_task(self._live())
        await self._schedule.until(day.done)
        day.result()
        await self._schedule.until(workflow.all_handlers_finished)
        if self._day.cancelled:
            await self._series.pass_on_cancellation()
            raise asyncio.CancelledError("cancelled from outside; the strategy was stopped by its on_stop")
        return self._day.view()

    @workflow.signal(name="STOPLOSS")
    def stop_loss(self, message: Any = None) -> None:
        """The price reached the stop: `{price, tick_at, seen_at, peak}`."""
        self._hit(message, TriggerKind.STOP)

    @workflow.signal(name="TARGET")
    def target(self, message: Any = None) -> None:
        """The price reached the target: `{price, tick_at, seen_at}`."""
        self._hit(message, TriggerKind.TARGET)

    @workflow.signal(name="SOLD")
    def sold(self, message: Any = None) -> None:
        """Postgres says that nothing is held any more: the run finds out what sold it, and ends."""
        self._told_sold = True

    @workflow.signal(name="SELL")
    def sell(self, message: Any = None) -> None:
        """The user asks again to sell: what is refused, and waits, is tried at once."""
        self._day.asked_again()

    @workflow.signal(name="PLAN_ANEW")
    def plan_anew(self, message: Any = None) -> None:
        """Terms or calendar have changed: a day of a series that waits is planned anew."""
        self._series.plan_anew()

    @workflow.update(name="stop")
    async def stop(self, message: Any = None) -> RunView:
        """Stop: `{on_stop, limit}`; answers when the run is flat (or has kept its shares) and stopped."""
        self._day.asked_to_stop(read_stop(message), read_limit(message))
        await workflow.wait_condition(lambda: self._finished or self._series.moved_to is not None)
        return self._day.view()

    @workflow.update(name="by_operator")
    async def by_operator(self, message: Any = None) -> None:
        """Say that the operator's kill switch is what asks for the next stop: a matter of words."""
        self._day.operator_stops()

    @stop.validator
    def refuse_stop(self, message: Any = None) -> None:
        """Refuse a stop that does not say clearly what is wanted; no replay asks this again."""
        fault = stop_fault(message)
        if fault is not None:
            raise ApplicationError(fault, type=STOP_REFUSED, non_retryable=True)

    @workflow.update(name="started")
    async def started(self) -> RunView:
        """Answer as soon as this START is written down."""
        await workflow.wait_condition(lambda: self._day.round > 0 or self._finished)
        return self._day.view()

    @workflow.query(name="view")
    def view(self) -> RunView:
        """Say where the run stands."""
        return self._day.view()

    def _hit(self, message: Any, kind: TriggerKind) -> None:
        hit = read_hit(message)
        entry_is_due = workflow.now() >= self._start.plan.buy_at
        if (
            hit is None
            or self._is_of_an_earlier_round(hit)
            or not self._day.hit(hit, kind, entry_is_due=entry_is_due)
        ):
            workflow.logger.info("%s ignored: nothing is held, or no price at the trigger in it", kind.name)
            workflow.metric_meter().create_counter(policies.REFUSED_STOPS).add(1)

    def _is_of_an_earlier_round(self, hit: PriceHit) -> bool:
        # A signal that comes late finds the run of the next round, by the workflow's id.
        seen_at = hit.seen_at
        return self._start.again is not None and seen_at is not None and seen_at < workflow.info().start_time

    async def _live(self) -> None:
        if not await self._activate():
            self._finished = True
            return
        try:
            await self._trade()
        except Exception as fault:  # a bug of ours must not leave shares unwatched
            await self._rescue(fault)
        if self._series.moved_to is not None:
            await self._series.go_on(self._series.moved_to)
        else:
            await self._stop()

    async def _trade(self) -> None:
        if self._start.adopted is not None:
            return await self._take_over()
        if self._start.release is not None:
            return await self._release()
        if self._start.sell_only:
            return await self._sell_only()
        if not await self._wait_to_buy():
            return None
        await self._enter()
        if self._day.held:
            self._writes.move(Move.BOUGHT)
            await self._hold()
        await self._leave()
        return None

    async def _leave(self) -> None:
        """Sell what is held, unless it is to be kept; a day that was slept through may hold on before."""
        while self._day.held and not self._day.keeps and await self._exit.exit():
            await self._hold()
        self._day.left()

    async def _sell_only(self) -> None:
        """Sell what an earlier run left, as soon as the market is open; what is gone needs no opening."""
        if self._start.version >= 3 and workflow.now() < self._start.plan.sell_at:
            await self._exit.look()
        await self._leave()

    async def _release(self) -> None:
        """Keep what is held, or find out whether it is still there; sell nothing."""
        if self._start.release is Release.LOOK:
            await self._exit.look()

    async def _activate(self) -> bool:
        """Write the start down; False when there is nothing to own: deleted, or running already."""
        self._writes.show_phase(listed=self._start.version >= 2)
        request = ActivateRun(self._writes.ref(), self._start)
        try:
            activation = await self._write_start(request)
        except FailureError as stood_down:
            workflow.logger.warning("this run stands down: %s", cause_of(stood_down))
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
                if is_stood_down(failed):
                    raise
        return cast(
            Activation, await self._writes.write(RunActivities.activate, request, "write the start down")
        )

    async def _take_over(self) -> None:
        """Bring what an earlier run of this START left to its end, by on_stop; a sale goes on."""
        if self._start.sell_only:
            self._writes.move_to_exit(Reason.STOP)
            self._day.exited(await self._exit.settle())
            return await self._leave()
        self._writes.move(
            Move.BUY_DUE, (EventKind.PHASE, "Finding out what the earlier run bought and sold.")
        )
        self._day.entered(await self._settle_entry(entry_order(self._start, self._day)))
        if self._day.held:
            self._writes.move(Move.BOUGHT)
            self._day.exited(await self._exit.settle())
        await self._leave()
        return None

    async def _wait_to_buy(self) -> bool:
        """Wait for buy_time, in a later round for its price; False where nothing is bought."""
        if self._start.again is None:
            if self._start.series_id is not None:
                return await self._series.wait_to_buy()
            await self._wait_for_buy_time()
            return not self._day.leaving
        awaited = awaited_price(self._start, self._day)
        return awaited is None or await self._reached(awaited)

    async def _reached(self, awaited: AwaitPrice) -> bool:
        """Wait for the price; False once it is too late, or the run is to leave."""
        waiting = workflow.start_activity_method(
            ReentryActivities.await_price,
            awaited,
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.WRITE_RETRY,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"until the price is {awaited.price.price}",
        )
        await workflow.wait_condition(lambda: waiting.done() or self._day.leaving)
        if not waiting.done():
            waiting.cancel()
        try:
            return await waiting and not self._day.leaving
        except ActivityError as failed:
            workflow.logger.warning("the price could not be waited for: %s", failed.cause)
            return False

    async def _wait_for_buy_time(self) -> None:
        wake = policies.wake_at(self._start.plan.buy_at, self._start.strategy.strategy_id)
        await wait(lambda: self._day.leaving, wake, f"until shortly before {clock(self._start.plan.buy_at)}")

    async def _enter(self) -> None:
        self._writes.move(Move.BUY_DUE)
        if self._start.again is not None:
            awaited = awaited_price(self._start, self._day)
            due_at = workflow.now() + (policies.FRESH_QUOTE if awaited is None else timedelta(0))
            return await self._see_to_entry(entry_order(self._start, self._day, due_at))
        order = entry_order(self._start, self._day)
        armed = await self._schedule.arm(OrderActivities.arm_entry, order)
        await self._schedule.until_sent(order.due_at, armed)
        if self._day.leaving:
            self._day.entered(await self._settle_entry(order))
        else:
            await self._see_to_entry(order)
        return None

    async def _see_to_entry(self, order: EnterOrder) -> None:
        """Buy, unless a worker has: then find out how it ended."""
        entry = workflow.start_activity_method(
            OrderActivities.enter,
            order,
            start_to_close_timeout=policies.LONGEST_DAY,
            heartbeat_timeout=policies.HEARTBEAT,
            retry_policy=policies.ORDER_ATTEMPTS,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=entry_summary(self._start),
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
        """Find out what became of an entry whose activity gave up: it may have been sent.

        After the market's close nothing can be found out any more: then it stays in doubt.
        """
        within = None
        if self._start.version >= 3:
            left = self._day.closes_at - workflow.now()
            within = max(left, timedelta(0)) + policies.SQUARE_WITHIN
        try:
            return await workflow.execute_activity_method(
                OrderActivities.settle_entry,
                order,
                schedule_to_close_timeout=within,
                start_to_close_timeout=policies.LONGEST_DAY,
                heartbeat_timeout=policies.HEARTBEAT,
                retry_policy=policies.SETTLE_RETRY,
                summary="find out what became of the entry",
            )
        except ActivityError:
            if self._start.version < 3:
                raise
            return unknown_entry(order)

    async def _hold(self) -> None:
        """Hold until shortly before sell_at, or until the shares are to be sold, or are sold."""
        self._told_sold = self._told_sold and self._start.again is None  # of the round before
        wake = policies.wake_at(self._day.sell_at, self._start.strategy.strategy_id)
        words = f"hold until shortly before {clock(self._day.sell_at)}"
        while await wait(lambda: self._day.leaving or self._told_sold, wake, words):
            if self._day.leaving:
                return
            self._told_sold = False
            if self._start.version >= 3:
                await self._exit.find_out(policies.UNHEARD_SALE)
            else:
                self._day.exited(await self._exit.settle())
            if not self._day.held:
                return

    async def _buy_again(self) -> None:
        """Go on in a new run where the round's terms say so; return where the day ends.

        A new run has a history, a peak and orders of its own. It is begun in the step in which it is decided:
        a STOP that comes before is heard here, one that comes after by the new run.
        """
        strategy, plan = self._start.strategy, self._start.plan
        reenter = strategy.terms.reenter
        end = self._day.round_end()
        again = buys_again(reenter, plan, self._start.again, end, workflow.now())
        if reenter is None or again is None:
            return
        words = again_words(reenter, plan, again)
        note = RunNote(self._writes.ref(), EventKind.PHASE, words, f"again-{again.number}")
        await self._writes.write(RunActivities.note, note, f"buy again: {again.number}")
        if self._day.round_end().certain and workflow.all_handlers_finished():
            workflow.continue_as_new(replace(self._start, again=again))

    async def _rescue(self, fault: Exception) -> None:
        """Whatever broke, what was bought is found and sold: a day never ends holding in silence."""
        workflow.logger.exception("the day broke; going to its exit")
        self._day.broke(f"the run had a fault of its own: {type(fault).__name__}")
        await self._writes.alarm("run_fault", f"A strategy's run broke ({fault}); what it holds is sold now.")
        if self._day.phase is Phase.ENTERING:
            self._day.entered(await self._settle_entry(entry_order(self._start, self._day)))
            if self._day.held:
                self._writes.move(Move.BOUGHT)
        if self._day.held and not self._day.keeps:
            self._day.asked_to_stop(None)
            await self._leave()

    async def _stop(self) -> None:
        await self._schedule.finish()
        await self._writes.finish()
        await self._exit.square_the_books()
        await self._buy_again()
        end = self._day.conclude()
        if self._day.held and not self._day.keeps and self._start.release is None:
            await self._writes.alarm("position_left", end.detail)
        outside = self._day.outside
        request = FinishRun(
            self._writes.ref(), self._start.strategy, end.outcome, end.detail, end.position, outside
        )
        ended = await self._series.write_end(request)
        self._day.move(Move.END)
        self._writes.show_phase()
        self._finished = True
        if ended.following is not None:
            await self._series.begin(ended.following)
        if not ended.clean:
            await self._writes.write(RunActivities.clean_up, self._start.strategy, "delete the Redis keys")
