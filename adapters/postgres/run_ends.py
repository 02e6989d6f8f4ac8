"""Writes the end of a run, of a day of a series, and of a round, under the lock of the strategy's row."""

from adapters.postgres.fills import position_of
from adapters.postgres.finished_rounds import finished_round
from adapters.postgres.order_rows import attempt_of, terms_of
from adapters.postgres.tables import OrderRow, StrategyRow
from adapters.postgres.unit_of_work import UnitOfWork
from domain.order import OrderEvent, OrderStatus, next_status
from domain.run import FinishRun, StartRun
from domain.series import ENDED_WORDS, EndDay, SeriesEnd, completed_words, next_day_words
from domain.strategy import Outcome, Phase, Position, Status
from domain.timeline import EventKind, left_unwatched_text, not_placed_text, stopped_text

_ENDED = (Outcome.STOPPED, Outcome.CANCELLED, Outcome.TERMINATED)


def of_newest_round(unit: UnitOfWork) -> list[OrderRow]:
    day, round_ = unit.strategy.trading_day, unit.strategy.round
    return unit.of_round(day, round_)


def finish_day(unit: UnitOfWork, request: EndDay, ends: SeriesEnd | None, following: StartRun | None) -> None:
    """Write the end of a day of a series, of which `following` is the next; `ends`: why there is none."""
    if following is not None:
        more = next_day_words(following)
    elif ends is None or ends is SeriesEnd.COMPLETED:
        more = completed_words(request.shut)
    else:
        more = ENDED_WORDS[ends]
    write_end(unit, request.finish, more)


def write_end(unit: UnitOfWork, request: FinishRun, more: str = "") -> None:
    """Mark the strategy stopped with its outcome; `more` is said behind the line that says so."""
    strategy = unit.strategy
    held = strategy.bought_quantity - strategy.sold_quantity
    position = request.position
    if position is Position.NONE:
        # An entry that turned up while the run was ending is not forgotten.
        position = position_of(strategy.bought_quantity, strategy.sold_quantity)
    strategy.status, strategy.phase = Status.STOPPED.value, Phase.DONE.value
    strategy.outcome, strategy.outcome_detail = request.outcome.value, request.detail
    strategy.position, strategy.outside_quantity = position.value, request.outside
    strategy.kept = request.outcome is Outcome.KEPT and position is Position.BOUGHT
    strategy.stopped_at = unit.now
    strategy.obstacle = None
    forget_account(strategy)
    close_intents(unit, request.detail)
    if _is_a_round(unit, request):
        book(unit, request.outcome, request.detail, request.outside)
    text = stopped_text(request.outcome, request.detail, held if position is Position.BOUGHT else 0)
    data = {"outcome": request.outcome.value}
    text = f"{text} {more}".strip()
    unit.say(EventKind.STOPPED, text, f"{request.ref.run_id}:stopped", data)
    if position is Position.BOUGHT and request.position is Position.NONE and not strategy.kept:
        unit.say(EventKind.ALERT, left_unwatched_text(held, strategy.symbol), f"{request.ref.run_id}:left")


def _is_a_round(unit: UnitOfWork, request: FinishRun) -> bool:
    """Tell whether the books have a line for what ends.

    One that traded has, and a START that bought nothing on its day. A later round that was never bought has
    none, nor a run that sold nothing of what an earlier one had left; of shares that are gone there is one.
    """
    if any(row.filled_quantity for row in of_newest_round(unit)) or request.outside > 0:
        return True
    return not unit.strategy.bought_quantity and not _was_ended_ahead(unit, request)


def _was_ended_ahead(unit: UnitOfWork, request: FinishRun) -> bool:
    """Tell whether a START was ended before its purchase was due: its day never came."""
    buy_at = unit.strategy.buy_at
    return request.outcome in _ENDED and buy_at is not None and unit.now < buy_at


def book_unended(unit: UnitOfWork) -> None:
    """Write down a round that was ended from outside before it could write its end, if it traded."""
    strategy = unit.strategy
    if strategy.status == Status.RUNNING and any(row.filled_quantity for row in of_newest_round(unit)):
        book(unit, Outcome.TERMINATED, "ended from outside; a newer START took over", 0)


def book(unit: UnitOfWork, outcome: Outcome, detail: str, outside: int) -> None:
    """Write the newest round, which ends here, into the books of its user."""
    unit.ended.append(finished_round(unit.strategy, of_newest_round(unit), outcome, detail, outside))


def close_intents(unit: UnitOfWork, message: str) -> None:
    """Close this run's unclaimed intents, so that they can no longer be sent."""
    for row in unit.orders:
        if row.status == OrderStatus.NOT_PLACED and row.verdict is None:
            row.verdict = Outcome.STOPPED.value
        if row.status == OrderStatus.PLANNED:
            row.status = next_status(OrderStatus.PLANNED, OrderEvent.PROVE_NOT_PLACED).value
            row.message = message
            row.verdict = Outcome.STOPPED.value  # the worker that scheduled it must not plan another
            if row.due_at is not None:
                text = not_placed_text(attempt_of(row), terms_of(row), message)
                unit.say(EventKind.ORDER_NOT_PLACED, text, f"{EventKind.ORDER_NOT_PLACED}:{row.order_id}:")


def forget_account(strategy: StrategyRow) -> None:
    """Drop the warnings about the account, which is compared for runs only."""
    strategy.missing_quantity = 0
    strategy.missing_since = strategy.missing_note = strategy.unread_since = None
