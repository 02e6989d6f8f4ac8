"""What a run makes of what happens to it."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.day import Day
from domain.errors import IllegalMove
from domain.messages import read_stop, read_stop_loss
from domain.order import Reason
from domain.run import Activation, Entered, Exited, StartRun, StopLossHit
from domain.run_texts import day_in_brief, summary
from domain.session import DayPlan
from domain.strategy import Move, OnStop, Outcome, Phase, Position, Strategy, next_phase

BUY_AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
STRATEGY = Strategy(UUID(int=1), UUID(int=2), "TCS", time(9, 30), time(15, 0), Decimal(3400), 10)
PLAN = DayPlan(date(2026, 11, 23), BUY_AT, BUY_AT + timedelta(hours=5), BUY_AT, BUY_AT + timedelta(hours=6))
HIT = StopLossHit(Decimal("3399.95"))


def day(on_stop: OnStop = OnStop.EXIT, *, sell_only: bool = False) -> Day:
    start = StartRun(UUID(int=3), replace(STRATEGY, on_stop=on_stop), PLAN, sell_only)
    fresh = Day(start)
    fresh.activated(Activation(1, 10 if sell_only else 0))
    return fresh


def holding(on_stop: OnStop = OnStop.EXIT) -> Day:
    held = day(on_stop)
    held.move(Move.BUY_DUE)
    held.entered(Entered(10, Decimal(3500)))
    held.move(Move.BOUGHT)
    return held


def sold(held: Day, reason: Reason) -> Day:
    held.exited(Exited(10, 0, Decimal(3510), reason))
    return held


def test_stop_loss_comes_before_the_users_stop() -> None:
    held = holding()
    held.asked_to_stop(OnStop.KEEP)
    held.hit(HIT, entry_is_due=True)
    assert held.exit_reason is Reason.STOPLOSS
    assert not held.keeps


def test_user_may_still_keep_what_a_running_exit_has_not_sold() -> None:
    held = holding()
    held.hit(HIT, entry_is_due=True)
    held.move(Move.EXIT_DUE)
    assert not held.keeps
    held.asked_to_stop(OnStop.KEEP)
    assert held.keeps


def test_strategys_own_on_stop_decides_when_the_stop_says_nothing() -> None:
    held = holding(OnStop.KEEP)
    held.cancel_asked()
    assert held.keeps


def test_users_word_overrides_the_strategys_on_stop() -> None:
    held = holding(OnStop.KEEP)
    held.asked_to_stop(OnStop.EXIT)
    assert not held.keeps


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.DONE])
def test_stop_loss_is_ignored_when_nothing_can_be_held(phase: Phase) -> None:
    idle = day()
    idle.phase = phase
    assert not idle.hit(HIT, entry_is_due=True)


def test_stop_loss_is_ignored_before_the_entry_is_due() -> None:
    entering = day()
    entering.move(Move.BUY_DUE)
    assert not entering.hit(HIT, entry_is_due=False)
    assert entering.hit(HIT, entry_is_due=True)


def test_stop_loss_above_the_stop_is_ignored() -> None:
    assert not holding().hit(StopLossHit(Decimal("3400.05")), entry_is_due=True)


def test_first_stop_loss_is_remembered() -> None:
    held = holding()
    held.hit(HIT, entry_is_due=True)
    held.hit(StopLossHit(Decimal(3000)), entry_is_due=True)
    assert held.stop_loss == HIT


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (Reason.SELL, Outcome.SOLD),
        (Reason.STOPLOSS, Outcome.STOP_LOSS),
        (Reason.STOP, Outcome.STOPPED),
    ],
)
def test_outcome_says_which_exit_won(reason: Reason, outcome: Outcome) -> None:
    end = sold(holding(), reason).conclude()
    assert (end.outcome, end.position) == (outcome, Position.SOLD)


def test_cancellation_is_told_from_stop() -> None:
    held = holding()
    held.cancel_asked()
    assert sold(held, Reason.STOP).conclude().outcome is Outcome.CANCELLED


def test_shares_left_are_never_called_stopped() -> None:
    held = holding()
    held.exited(Exited(4, 6, Decimal(3510), Reason.SELL, "Too many requests"))
    end = held.conclude()
    assert (end.outcome, end.position) == (Outcome.ORDER_FAILED, Position.BOUGHT)
    assert "6 of 10 TCS" in end.detail
    assert "Too many requests" in end.detail


def test_sold_shares_only_grow() -> None:
    held = holding()
    held.exited(Exited(10, 0, Decimal(3510), Reason.SELL))
    held.exited(Exited(4, 6))
    assert held.held == 0


def test_why_nothing_was_bought_is_kept() -> None:
    entering = day()
    entering.entered(Entered(0, None, Outcome.SKIPPED, "TCS was at 3399 at buy time"))
    end = entering.conclude()
    assert (end.outcome, end.detail) == (Outcome.SKIPPED, "TCS was at 3399 at buy time")


def test_stop_during_the_entry_is_a_stop() -> None:
    entering = day()
    entering.move(Move.BUY_DUE)
    entering.asked_to_stop(None)
    entering.entered(Entered(0, None, Outcome.ORDER_FAILED, "it could not be placed: stopped"))
    assert entering.conclude().outcome is Outcome.STOPPED


def test_stop_does_not_hide_that_an_entry_is_in_doubt() -> None:
    entering = day()
    entering.move(Move.BUY_DUE)
    entering.asked_to_stop(None)
    entering.entered(Entered(0, outcome=Outcome.ORDER_FAILED, detail="it is in doubt", in_doubt=True))
    end = entering.conclude()
    assert (end.outcome, end.detail) == (Outcome.ORDER_FAILED, "it is in doubt")


def test_run_that_only_sells_sells_at_once() -> None:
    only = day(sell_only=True)
    assert (only.held, only.exit_reason) == (10, Reason.STOP)


def test_illegal_move_raises() -> None:
    with pytest.raises(IllegalMove):
        next_phase(Phase.DONE, Move.BUY_DUE)


def test_summary_reads_in_the_operators_list() -> None:
    assert summary(day().start) == "TCS ×10 · buy 09:30 · sell 14:30 · stop 3400"
    assert "phase **waiting**" in day_in_brief(day())


@pytest.mark.parametrize(
    ("message", "price"),
    [
        ({"price": "3399.95"}, Decimal("3399.95")),
        ({"price": 3399.95}, Decimal("3399.95")),
        ({"price": 3400, "tick_at": "rubbish", "seen_at": 7}, Decimal(3400)),
        ({"price": True}, None),
        ({"price": float("inf")}, None),
        ({"price": "0"}, None),
        ([], None),
        ("3400", None),
    ],
)
def test_stop_loss_message_is_read_tolerantly(message: object, price: Decimal | None) -> None:
    hit = read_stop_loss(message)
    assert (hit.price if hit else None) == price


@pytest.mark.parametrize(
    ("message", "on_stop"),
    [({"on_stop": "keep"}, OnStop.KEEP), ("exit", OnStop.EXIT), (None, None), ({"on_stop": 7}, None)],
)
def test_stop_message_is_read_tolerantly(message: object, on_stop: OnStop | None) -> None:
    assert read_stop(message) is on_stop
