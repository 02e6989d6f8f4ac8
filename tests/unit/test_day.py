"""What a run makes of what happens to it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.day import Day
from domain.errors import IllegalMove
from domain.limits import LimitName
from domain.order import Reason
from domain.run import Activation, Entered, Exited, PriceHit, StartRun
from domain.run_texts import day_in_brief, exit_words, phase_words, summary
from domain.series import DayEnd, SeriesEnd, why_it_ends
from domain.session import DayPlan
from domain.strategy import Move, OnStop, Outcome, Phase, Position, Strategy, next_phase
from domain.terms import Distance, Target, Terms, Trail, Unit
from domain.timeline import EventKind
from domain.trigger import TriggerKind

BUY_AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
STRATEGY = Strategy(UUID(int=1), UUID(int=2), "TCS", time(9, 30), time(15, 0), Decimal(3400), 10)
PLAN = DayPlan(date(2026, 11, 23), BUY_AT, BUY_AT + timedelta(hours=5), BUY_AT, BUY_AT + timedelta(hours=6))
HIT = PriceHit(Decimal("3399.95"))


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
    assert not holding().hit(PriceHit(Decimal("3400.05")), entry_is_due=True)


def test_first_stop_loss_is_remembered() -> None:
    held = holding()
    held.hit(HIT, entry_is_due=True)
    held.hit(PriceHit(Decimal(3000)), entry_is_due=True)
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


@pytest.mark.parametrize(
    ("limit", "words"), [(LimitName.DAILY_LOSS, "a day's loss"), (LimitName.DAILY_PROFIT, "a day's profit")]
)
def test_a_stop_by_a_limit_of_the_account_names_the_limit(limit: LimitName, words: str) -> None:
    held, waits = holding(), day()
    for one in (held, waits):
        one.asked_to_stop(OnStop.EXIT, limit)
        one.asked_to_stop(None)  # a STOP that comes later changes nothing about why it is sold
    assert exit_words(held, Reason.STOP) == (
        EventKind.STOP_ASKED,
        f"The account's limit for {words} was reached: selling 10 TCS.",
    )
    end, unbought = sold(held, Reason.STOP).conclude(), waits.conclude()
    assert (end.outcome, unbought.outcome) == (Outcome.STOPPED, Outcome.STOPPED)
    assert end.detail == f"the account's limit for {words} was reached; sold 10 TCS at 3510.00"
    assert unbought.detail == f"the account's limit for {words} was reached before anything was bought"


def test_a_limit_ends_a_day_and_a_person_the_series() -> None:
    limited, stopped, cancelled = holding(), holding(), holding()
    for one in (limited, stopped, cancelled):
        one.asked_to_stop(OnStop.EXIT, LimitName.DAILY_LOSS)
    stopped.asked_to_stop(None)
    cancelled.cancel_asked()
    assert [one.limited for one in (limited, stopped, cancelled, holding())] == [True, False, False, False]


@pytest.mark.parametrize(
    ("day_end", "ends"),
    [
        (DayEnd(Outcome.STOPPED, 0, in_doubt=False, asked=False, limited=True), None),
        (DayEnd(Outcome.STOPPED, 0, in_doubt=False, asked=True), SeriesEnd.STOPPED),
        (DayEnd(Outcome.STOPPED, 4, in_doubt=False, asked=False, limited=True), SeriesEnd.LEFT_OVER),
        (DayEnd(Outcome.KEPT, 4, in_doubt=False, asked=False, limited=True), SeriesEnd.STOPPED),
        (DayEnd(Outcome.SOLD, 0, in_doubt=True, asked=False, limited=True), SeriesEnd.IN_DOUBT),
    ],
)
def test_what_a_day_that_a_limit_has_stopped_leaves_of_its_series(
    day_end: DayEnd, ends: SeriesEnd | None
) -> None:
    assert why_it_ends(day_end) is ends


def test_a_limit_that_comes_after_the_users_stop_takes_no_credit() -> None:
    held = holding()
    held.asked_to_stop(OnStop.EXIT)
    held.asked_to_stop(OnStop.EXIT, LimitName.DAILY_LOSS)
    assert sold(held, Reason.STOP).conclude().detail == "sold 10 TCS at 3510.00"


def test_shares_left_are_never_called_stopped() -> None:
    held = holding()
    held.exited(Exited(4, 6, Decimal(3510), Reason.SELL, "Too many requests"))
    end = held.conclude()
    assert (end.outcome, end.position) == (Outcome.ORDER_FAILED, Position.BOUGHT)
    assert "6 of 10 TCS" in end.detail
    assert "Too many requests" in end.detail


def test_a_sale_whose_end_could_not_be_found_out_leaves_a_doubt() -> None:
    held = holding()
    held.asked_to_stop(OnStop.KEEP)
    held.left_unsettled()
    assert "in doubt" in held.conclude().detail
    assert not held.round_end().certain


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


OPEN = "the open order at 480.00 was cancelled, and nothing of it was filled"


def entering_until(leaves: Callable[[Day], object], entered: Entered) -> Day:
    """Return a day that is told to leave while its entry rests."""
    entering = day()
    entering.move(Move.BUY_DUE)
    leaves(entering)
    entering.entered(entered)
    return entering


@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.ORDER_FAILED])
@pytest.mark.parametrize(
    ("leaves", "ends", "words"),
    [
        (
            lambda one: one.asked_to_stop(None),
            Outcome.STOPPED,
            "stopped by the user before anything was bought",
        ),
        (
            lambda one: one.cancel_asked(),
            Outcome.CANCELLED,
            "cancelled from outside before anything was bought",
        ),
        (
            lambda one: one.asked_to_stop(OnStop.EXIT, LimitName.DAILY_LOSS),
            Outcome.STOPPED,
            "the account's limit for a day's loss was reached before anything was bought",
        ),
        (
            lambda one: (one.operator_stops(), one.asked_to_stop(OnStop.EXIT)),
            Outcome.STOPPED,
            "the operator's kill switch stopped it before anything was bought",
        ),
        (
            lambda one: (one.asked_to_stop(None), one.operator_stops(), one.asked_to_stop(OnStop.EXIT)),
            Outcome.STOPPED,
            "stopped by the user before anything was bought",
        ),
        (
            lambda one: one.hit(HIT, entry_is_due=True),
            Outcome.SKIPPED,
            "the price was 3399.95, at or below the stop 3400.00, before anything was bought",
        ),
    ],
)
def test_an_open_entry_that_is_cut_short_ends_as_what_cut_it_short(
    leaves: Callable[[Day], object], ends: Outcome, words: str, outcome: Outcome
) -> None:
    end = entering_until(leaves, Entered(0, outcome=outcome, detail=OPEN, cut_short=True)).conclude()
    assert (end.outcome, end.detail) == (ends, f"{words}; {OPEN}")


def test_an_entry_whose_time_was_over_before_the_stop_is_skipped() -> None:
    late = entering_until(
        lambda one: one.asked_to_stop(None), Entered(0, outcome=Outcome.SKIPPED, detail="in its time")
    )
    assert (late.conclude().outcome, late.conclude().detail) == (Outcome.SKIPPED, "in its time")


def test_the_line_of_a_holding_day_says_who_cancelled_the_rest_of_its_order() -> None:
    entering = day()
    entering.move(Move.BUY_DUE)
    entering.entered(Entered(5, Decimal(3500), detail="somebody else cancelled the order"))
    entering.move(Move.BOUGHT)
    assert phase_words(entering)[1].endswith("3400.00. Somebody else cancelled the order.")


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


MEASURED = Terms(
    stop=Distance(Decimal(1), Unit.PERCENT),
    target=Target(distance=Distance(Decimal(2), Unit.PERCENT)),
    trail=Trail(by=Distance(Decimal(20), Unit.POINTS)),
)


def measured(*, entered: bool = True) -> Day:
    """Return a day that holds what it bought at 3500, stop and target measured from that; or is buying."""
    strategy = replace(STRATEGY, stop_loss=None, terms=MEASURED)
    held = Day(StartRun(UUID(int=3), strategy, replace(PLAN, tick=Decimal("0.05"))))
    held.activated(Activation(1))
    held.move(Move.BUY_DUE)
    if entered:
        held.entered(Entered(10, Decimal(3500)))
        held.move(Move.BOUGHT)
    return held


@pytest.mark.parametrize(
    ("kind", "price", "peak", "taken"),
    [
        (TriggerKind.STOP, "3465", None, True),
        (TriggerKind.STOP, "3465.05", None, False),
        (TriggerKind.STOP, "3500", "3520", True),
        (TriggerKind.STOP, "3500.05", "3520", False),
        (TriggerKind.TARGET, "3570", None, True),
        (TriggerKind.TARGET, "3569.95", "3569.95", False),
        (TriggerKind.TARGET, "3000", None, False),
    ],
)
def test_a_signal_is_judged_by_where_the_trigger_stands(
    kind: TriggerKind, price: str, peak: str | None, taken: bool
) -> None:
    held = measured()
    hit = PriceHit(Decimal(price), peak=Decimal(peak) if peak else None)
    assert held.hit(hit, kind, entry_is_due=True) is taken
    expected = Reason.STOPLOSS if kind is TriggerKind.STOP else Reason.TARGET
    assert held.exit_reason is (expected if taken else None)


def test_of_a_stop_and_a_target_the_stop_is_the_reason() -> None:
    held = measured()
    held.hit(PriceHit(Decimal(3600)), TriggerKind.TARGET, entry_is_due=True)
    held.hit(PriceHit(Decimal(3400)), TriggerKind.STOP, entry_is_due=True)
    assert held.exit_reason is Reason.STOPLOSS


def test_a_target_says_so_at_the_end() -> None:
    held = measured()
    held.hit(PriceHit(Decimal(3571)), TriggerKind.TARGET, entry_is_due=True)
    end = sold(held, Reason.TARGET).conclude()
    assert end.outcome is Outcome.TARGET
    assert end.detail.startswith("the price was 3571.00, at or above the target 3570.00; sold 10 TCS")


def test_a_trigger_that_is_measured_is_believed_before_the_run_has_heard_of_the_fill() -> None:
    assert measured(entered=False).hit(PriceHit(Decimal(3470)), entry_is_due=True)
    assert not measured(entered=False).hit(PriceHit(Decimal(3470)), entry_is_due=False)


def test_a_target_is_nothing_to_a_strategy_without_one() -> None:
    assert not holding().hit(PriceHit(Decimal(9000)), TriggerKind.TARGET, entry_is_due=True)
