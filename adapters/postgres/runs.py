"""Stores a run's own rows in Postgres: START, phases, timeline lines, and its end."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from adapters.postgres.engine import Store
from adapters.postgres.run_ends import (
    book,
    book_unended,
    close_intents,
    forget_account,
    of_newest_round,
    write_end,
)
from adapters.postgres.sale_lines import once_of_sale
from adapters.postgres.starts import (
    BEGUN,
    Written,
    WrittenStarts,
    start_of_strategy,
    terms_of_row,
)
from adapters.postgres.tables import OrderRow, StrategyRow
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from domain.errors import AnotherRun, ForeignStart
from domain.order import Leg, OrderStatus
from domain.reentry import Again
from domain.run import (
    ActivateRun,
    Activation,
    FinishRun,
    GoesOn,
    PhaseChange,
    RunRef,
    StartRun,
    what_differs,
    workflow_id,
)
from domain.series import moved_words
from domain.strategy import Phase, Position, Status
from domain.timeline import (
    SOLD_ALREADY,
    EventKind,
    adopted_text,
    started_text,
)

_UNSETTLED = (OrderStatus.SENT, OrderStatus.ABSENT, OrderStatus.OPEN)


class PostgresRunStore:
    """Implements `domain.ports.RunStore`. A run that a newer START has replaced changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = StrategyWriter(store)
        self._starts = WrittenStarts(store)

    async def activate(self, request: ActivateRun) -> Activation:
        """Mark the strategy running and give this START its round.

        The stored START counts, not the request. Raises `LookupError` when the strategy is gone, `AnotherRun`
        when it runs already, `ForeignStart` when the request differs from the stored START.
        """
        ref, day = request.ref, request.start.plan.trading_day
        written = await self._starts.find(ref.start_id)
        if written is not None:
            _refuse_another_start(written.start, request)
        write = Write(
            ref.strategy_id,
            ref.user_id,
            lambda unit: _activate(unit, request, written),
            day=day,
            series=request.start.series_id is not None,
        )
        try:
            return await self._writer.write(write)
        except LookupError:
            if await self._is_anothers(ref):
                raise ForeignStart(f"strategy {ref.strategy_id} belongs to another user") from None
            raise

    async def _is_anothers(self, ref: RunRef) -> bool:
        async with self._store.read() as session:
            found = await session.get(StrategyRow, ref.strategy_id)
        return found is not None and found.user_id != ref.user_id

    async def owns(self, ref: RunRef) -> bool:
        """Tell whether this START still owns the running strategy."""
        return await self._writer.write(
            Write(ref.strategy_id, ref.user_id, lambda unit: _is_current(unit.strategy, ref))
        )

    async def change_phase(self, change: PhaseChange) -> None:
        """Write phase and line; the same phase of the same run is written once."""
        once = f"{change.ref.run_id}:phase:{change.phase}"
        if change.phase is Phase.EXITING:
            once = once_of_sale(change.ref.start_id, change.kind, change.round)
        write = Write(
            change.ref.strategy_id, change.ref.user_id, lambda unit: _move(unit, change, once), once=once
        )
        await self._writer.write(write)

    async def finish(self, request: FinishRun) -> bool:
        """Mark the strategy stopped, and close its unsent intents; False where no such START is known."""
        ref = request.ref
        write = Write(ref.strategy_id, ref.user_id, lambda unit: _finish(unit, request))
        return await self._writer.write(write) or await self._starts.find(ref.start_id) is not None

    async def go_on(self, ref: RunRef, session: GoesOn) -> None:
        """Write the session in which a day goes on that was slept through, and say why it was."""
        await self._writer.write(Write(ref.strategy_id, ref.user_id, lambda unit: _go_on(unit, ref, session)))

    async def note(self, ref: RunRef, kind: str, text: str, data: Mapping[str, str], once: str) -> None:
        """Add a line; `once` counts within this START."""
        await self._writer.write(
            Write(
                ref.strategy_id,
                ref.user_id,
                lambda unit: unit.say(kind, text, f"{ref.start_id}:{once}", dict(data)),
            )
        )


def _move(unit: UnitOfWork, change: PhaseChange, once: str) -> None:
    """Enter the phase and say so, once: a repeated activity may arrive after the next phase has begun.

    Of an exit its sender may have said it already, before what came of the sale; that is the last phase of a
    run, and never comes back.
    """
    strategy = unit.strategy
    exiting = change.phase is Phase.EXITING
    if not _is_current(strategy, change.ref) or (once in unit.written and not exiting):
        return
    strategy.phase = change.phase.value
    sold = strategy.position == Position.SOLD
    if exiting and sold:
        return  # "selling" after "sold"
    text = SOLD_ALREADY if sold and change.phase is Phase.HOLDING else change.text
    unit.say(change.kind, text, once, change.data)


def _is_current(strategy: StrategyRow, ref: RunRef) -> bool:
    return strategy.start_id == ref.start_id and strategy.status == Status.RUNNING


def _go_on(unit: UnitOfWork, ref: RunRef, session: GoesOn) -> None:
    strategy = unit.strategy
    if not _is_current(strategy, ref):
        return
    if session.opens_at is not None:
        strategy.resumes_at = session.opens_at
        strategy.sell_at, strategy.closes_at = session.sell_at, session.closes_at
        for row in of_newest_round(unit):
            row.exit_aim = None  # released for the night: a stop may be placed again
    unit.say(EventKind.LATE, session.words, f"{ref.run_id}:goes_on:{session.opens_at}")


def _activate(unit: UnitOfWork, request: ActivateRun, written: Written | None) -> Activation:
    ref, strategy = request.ref, unit.strategy
    _refuse_another_workflow(request)
    if written is None:
        _refuse_an_unwritten_start(unit, request)
    _refuse_an_old_run(strategy, ref)
    if strategy.start_id != ref.start_id:
        _refuse_a_second_run(strategy, ref)
        _refuse_without_account(request, written)
        _refuse_edited_terms(strategy, request)
        close_intents(unit, "a newer START took over")
        book_unended(unit)
        _begin(unit, request)
    elif strategy.run_id != ref.run_id and request.start.again is not None:
        _begin_round(unit, request, request.start.again)
    elif strategy.run_id != ref.run_id:
        # The same START in a new run: an operator reset the workflow, or this run adopts what it left.
        _refuse_what_is_over(unit, request)
        _take_over(strategy, ref)
        if request.start.adopted is not None:
            unit.say(EventKind.ADOPTED, adopted_text(request.start), f"{ref.run_id}:adopted")
    return Activation(strategy.round, _held(unit, request), _series_over(unit, request.start))


def _series_over(unit: UnitOfWork, start: StartRun) -> bool:
    """Tell whether it is a day of a series that has ended: nothing is bought."""
    series = unit.series
    if start.series_id is None:
        return False
    return series is None or series.series_id != start.series_id or series.ended_at is not None


def _held(unit: UnitOfWork, request: ActivateRun) -> int:
    """Return the shares a run begins with; in a new run, earlier sales of its leg count as sold."""
    held = unit.strategy.bought_quantity - unit.strategy.sold_quantity
    if request.start.sell_only:
        held += sum(row.filled_quantity for row in of_newest_round(unit) if row.leg == Leg.EXIT)
    return held


def _refuse_another_start(written: StartRun, request: ActivateRun) -> None:
    # Any client that reaches Temporal's port can start a workflow with any message.
    other = what_differs(written, request.start)
    if other:
        raise ForeignStart(
            f"START {written.start_id} was written down with another {' and another '.join(other)}"
        )


def _refuse_another_workflow(request: ActivateRun) -> None:
    # Temporal has one open run of an id: under another one, a copied START would be carried out twice.
    ref = request.ref
    if ref.workflow_id != workflow_id(ref.strategy_id, request.start.plan.trading_day):
        raise ForeignStart(f"START {ref.start_id} is carried out under another workflow id than this")


def _refuse_an_unwritten_start(unit: UnitOfWork, request: ActivateRun) -> None:
    """Raise `ForeignStart`, except for a day begun by a version without stored STARTs."""
    strategy = unit.strategy
    began = start_of_strategy(strategy) if strategy.start_id == request.ref.start_id else None
    traded = any(row.sent_at is not None for row in of_newest_round(unit))
    if began is None or not (traded or request.start.adopted):
        raise ForeignStart(f"no START {request.ref.start_id} was written down")
    _refuse_another_start(replace(began, sell_only=request.start.sell_only), request)


def _refuse_without_account(request: ActivateRun, written: Written | None) -> None:
    # It began so late that its account was deleted before. A sale waits until it is connected again.
    if written is not None and written.account_gone and not request.start.sell_only:
        raise LookupError(f"the account {written.start.account} was forgotten before this START began")


def _refuse_edited_terms(strategy: StrategyRow, request: ActivateRun) -> None:
    # It began so late that its strategy was edited before: it would be watched by other terms than these.
    if terms_of_row(strategy) != request.start.strategy:
        raise LookupError(f"strategy {request.ref.strategy_id} was edited before this START began")


def _refuse_what_is_over(unit: UnitOfWork, request: ActivateRun) -> None:
    # Carried out anew, a START that its user had stopped would buy after all.
    strategy = unit.strategy
    if strategy.status != Status.STOPPED:
        return
    if request.start.adopted is None:
        raise ForeignStart(f"START {request.ref.start_id} has ended")
    entries = [row for row in of_newest_round(unit) if row.leg == Leg.ENTRY]
    in_doubt = any(row.status in _UNSETTLED for row in entries)
    held = strategy.bought_quantity > strategy.sold_quantity
    if strategy.kept or not (in_doubt or held):
        raise AnotherRun(f"START {request.ref.start_id} has ended and left nothing to see to")
    if not (in_doubt or any(_filled_since(row, strategy) for row in entries)):
        # What an exit could not sell is its user's to have sold: no late purchase is there to be adopted.
        raise ForeignStart(f"START {request.ref.start_id} has ended, and nothing was bought since")


def _filled_since(entry: OrderRow, strategy: StrategyRow) -> bool:
    filled_at, stopped_at = entry.filled_at, strategy.stopped_at
    return filled_at is not None and stopped_at is not None and filled_at > stopped_at


def _refuse_an_old_run(strategy: StrategyRow, ref: RunRef) -> None:
    # A worker that stood still may write long after its run has ended, when the next one has begun: the row
    # would then name a run that is no more, and the living one would buy nothing (found by the chaos run).
    if strategy.run_began is not None and ref.began is not None and ref.began < strategy.run_began:
        raise AnotherRun(f"strategy {ref.strategy_id} has a newer run than {ref.run_id}: {strategy.run_id}")


def _refuse_a_second_run(strategy: StrategyRow, ref: RunRef) -> None:
    # Two STARTs on either side of buy_time plan two days, so two workflows: the second must not take the row.
    # A row that says running under the same workflow id is a run that was ended from outside; its shares stay
    # its own until they are dealt with.
    if strategy.status != Status.RUNNING:
        return
    if strategy.run_id is None:
        # A START that was pressed twice, and planned the day after: the series has come to it by itself.
        raise AnotherRun(f"the next day of strategy {ref.strategy_id} waits for a run of its own")
    if strategy.workflow_id != ref.workflow_id or strategy.bought_quantity > strategy.sold_quantity:
        raise AnotherRun(f"strategy {ref.strategy_id} is running already, as {strategy.workflow_id}")


def _begin(unit: UnitOfWork, request: ActivateRun) -> None:
    start, plan = request.start, request.start.plan
    _new_day(unit, start)
    _take_over(unit.strategy, request.ref)
    held = unit.strategy.bought_quantity - unit.strategy.sold_quantity
    text = started_text(start, held)
    data = {"round": str(unit.strategy.round), "trading_day": plan.trading_day.isoformat()}
    unit.say(EventKind.STARTED, text, f"{request.ref.start_id}{BEGUN}", data)


def _new_day(unit: UnitOfWork, start: StartRun) -> None:
    """Set the row to the day of a START, and leave open which run carries it out."""
    strategy, plan = unit.strategy, start.plan
    strategy.round = _last_round(unit, plan.trading_day) + 1
    strategy.trading_day = plan.trading_day
    strategy.tick_size = plan.tick
    strategy.start_id = start.start_id
    strategy.phase = Phase.WAITING.value
    if start.release is None:  # one that sells nothing leaves the day as it was
        strategy.buy_at, strategy.sell_at, strategy.closes_at = plan.buy_at, plan.sell_at, plan.closes_at
    strategy.obstacle, strategy.resumes_at = None, None
    strategy.warnings = list(plan.warnings)
    strategy.started_at = unit.now
    strategy.kept = False
    strategy.baseline_holdings = None  # those of an earlier day
    strategy.oversold_quantity = 0
    forget_account(strategy)
    if not start.sell_only:
        strategy.position = Position.NONE.value
        strategy.bought_quantity = strategy.sold_quantity = strategy.outside_quantity = 0
        strategy.bought_at = strategy.claims_from = strategy.baseline = None
        strategy.entry_price = strategy.exit_price = None


def begin_next_day(unit: UnitOfWork, start: StartRun, in_place_of: StartRun | None = None) -> None:
    """Write the next START of a series, and have its day wait for a run.

    `in_place_of`: the START that waited until now, which buys nothing any more.
    """
    strategy = unit.strategy
    unit.next_starts.append(start)
    close_intents(unit, "the day was planned anew")
    _new_day(unit, start)
    strategy.status = Status.RUNNING.value
    strategy.workflow_id = workflow_id(strategy.strategy_id, start.plan.trading_day)
    strategy.run_id = strategy.run_began = None
    strategy.outcome = strategy.outcome_detail = strategy.stopped_at = None
    text = started_text(start, 0) if in_place_of is None else moved_words(in_place_of, start)
    data = {"round": str(strategy.round), "trading_day": start.plan.trading_day.isoformat()}
    unit.say(EventKind.STARTED, text, f"{start.start_id}{BEGUN}", data)


def _begin_round(unit: UnitOfWork, request: ActivateRun, again: Again) -> None:
    """Begin a round that follows one that was sold; what that came to is shown until the next is bought."""
    strategy, reenter = unit.strategy, request.start.strategy.terms.reenter
    if strategy.status != Status.RUNNING:
        raise AnotherRun(f"START {request.ref.start_id} has ended")
    if reenter is None or again.number > reenter.times:
        raise ForeignStart(f"START {request.ref.start_id} buys no {again.number + 1} times")
    if strategy.bought_quantity != strategy.sold_quantity or not strategy.bought_quantity:
        raise AnotherRun(f"strategy {strategy.strategy_id} is not known to have sold what it bought")
    book(unit, again.after, again.detail, 0)
    strategy.round = _last_round(unit, request.start.plan.trading_day) + 1
    _take_over(strategy, request.ref)
    strategy.phase = Phase.WAITING.value
    strategy.obstacle = None
    forget_account(strategy)


def _take_over(strategy: StrategyRow, ref: RunRef) -> None:
    strategy.workflow_id, strategy.run_id, strategy.run_began = ref.workflow_id, ref.run_id, ref.began
    strategy.status = Status.RUNNING.value
    strategy.outcome = strategy.outcome_detail = strategy.stopped_at = None


def _last_round(unit: UnitOfWork, day: date) -> int:
    # Not the row alone: shares kept today are sold today although a START for tomorrow came between,
    # and a round's tags must never come back.
    rounds = [row.round for row in unit.orders if row.trading_day == day]
    if unit.strategy.trading_day == day:
        rounds.append(unit.strategy.round)
    return max(rounds, default=0)


def _finish(unit: UnitOfWork, request: FinishRun) -> bool:
    """Write the end of the START that the strategy's row names; tell whether it names this one."""
    strategy = unit.strategy
    if not _is_current(strategy, request.ref):
        return strategy.start_id == request.ref.start_id
    write_end(unit, request)
    return True
