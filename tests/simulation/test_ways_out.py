"""Days on which a sale is refused, blocked or in doubt: each has a way out, whatever else strikes."""

import pytest

from domain.order import Side
from domain.strategy import Outcome
from tests.simulation.checker import judge
from tests.simulation.day_terms import CLOSE, SELL
from tests.simulation.explore import singles
from tests.simulation.faults import Fault
from tests.simulation.play import play
from tests.simulation.played import Played

AFTER, LATER = SELL + 15, SELL + 60
REFUSED = "place.exit#1: authorise"
ENDINGS = {
    "refused": ("time.holding: FALL", REFUSED),
    "refused for a while": ("time.holding: FALL", "place.exit#1: authorise 40"),
    "blocked": ("time.holding: OFFER 4 then FALL",),
    "blocked at sell time": ("time.holding: OFFER 4",),
}


def day(*words: str) -> Played:
    played = play([Fault.read(one) for one in words])
    assert judge(played) == []
    return played


def sent(played: Played) -> list[float]:
    return [entry.at for entry in played.ledger if entry.what == "sent" and entry.side is Side.SELL]


def told(played: Played, kind: str) -> list[str]:
    return [alarm for alarm in played.alarms if alarm.startswith(f"{kind}:")]


@pytest.mark.proof
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_refused_sale_leaves_nothing_forgotten_whatever_single_fault_strikes(ending: str) -> None:
    explored = singles(tuple(map(Fault.read, ENDINGS[ending])))
    assert explored.days > 250
    assert not explored.failures, "\n".join(explored.failures)


def test_a_refusal_that_its_user_must_lift_is_sent_once_and_told_once() -> None:
    played = day("time.holding: FALL", REFUSED)
    assert len(sent(played)) == 1
    assert len(told(played, "exit_refused")) == 1
    assert played.finished[0].outcome is Outcome.ORDER_FAILED
    assert played.finished_at is not None
    assert played.finished_at < CLOSE + 60


@pytest.mark.parametrize("word", ["STOP", "CANCEL"])
def test_a_refused_sale_is_sent_at_once_on_the_users_word(word: str) -> None:
    played = day("time.holding: FALL", "place.exit#1: authorise 40", f"time.later: {word}")
    assert len(sent(played)) == 2
    assert 0 <= sent(played)[1] - LATER < 1
    assert played.finished[0].position == "sold"


def test_a_word_that_lifts_nothing_is_one_more_try_and_no_more() -> None:
    played = day("time.holding: FALL", REFUSED, "time.after: STOP", "time.later: CANCEL")
    assert len(sent(played)) == 3
    assert len(told(played, "exit_refused")) == 1


def test_a_refused_sale_is_sent_at_once_with_a_new_login() -> None:
    played = day("time.holding: FALL", "place.exit#1: authorise 20", "read.positions#3: dead login 40")
    assert played.finished[0].position == "sold"
    assert sent(played)[1] < LATER + 30


@pytest.mark.parametrize("hand", ["HAND", "HAND 4 then HAND"])
def test_shares_sold_by_hand_end_a_refused_sale_within_a_minute(hand: str) -> None:
    played = day("time.holding: FALL", REFUSED, f"time.after: {hand}")
    assert played.finished[0].outcome is Outcome.CLOSED_OUTSIDE
    assert played.finished_at is not None
    assert played.finished_at - AFTER < 60
    assert len(sent(played)) == 1


def test_the_word_to_keep_ends_a_refused_sale() -> None:
    played = day("time.holding: FALL", REFUSED, "time.after: STOP keep")
    assert played.finished[0].outcome is Outcome.KEPT
    assert len(sent(played)) == 1


@pytest.mark.parametrize(
    "fault", ["place.exit#1: lost", "place.exit#1: lost nothing", "place.exit#1: late 90"]
)
def test_the_word_to_keep_ends_a_sale_in_doubt_whose_books_cannot_be_read(fault: str) -> None:
    played = day("time.holding: FALL", fault, "exit.sent: STOP keep", "read.orders#3: down 200")
    assert played.finished[0].outcome in (Outcome.KEPT, Outcome.STOP_LOSS)


@pytest.mark.parametrize("fault", ["place.exit#1: lost nothing"])
def test_the_markets_close_ends_a_sale_in_doubt_whose_books_cannot_be_read(fault: str) -> None:
    played = day("time.holding: FALL", fault, "read.orders#3: down 900")
    assert played.finished[0].outcome is Outcome.ORDER_FAILED
    assert told(played, "position_left")


def test_the_users_own_order_is_named_and_the_sale_leaves_when_it_is_gone() -> None:
    played = day("time.holding: OFFER 4 then FALL", "time.after: WITHDRAW")
    assert "your order 1002 (SELL 4 TCS" in told(played, "exit_refused")[0]
    assert len(told(played, "exit_refused")) == 1
    assert len(sent(played)) == 2
    assert sent(played)[1] - AFTER < 3
    assert played.finished[0].outcome is Outcome.STOP_LOSS


def test_what_the_users_own_order_sells_is_closed_outside_and_the_rest_is_sold() -> None:
    played = day("time.holding: OFFER 4 then FALL", "time.after: WITHDRAW filled")
    assert played.finished[0].outside == 4
    assert played.finished[0].position == "sold"
    assert sent(played)[1] - AFTER < 20


def test_the_users_own_order_for_all_shares_ends_the_day_when_it_is_filled() -> None:
    played = day("time.holding: OFFER 10 then FALL", "time.after: WITHDRAW filled")
    assert played.finished[0].outcome is Outcome.CLOSED_OUTSIDE
    assert len(sent(played)) == 1


def test_an_order_in_the_way_is_not_sent_against_while_it_rests() -> None:
    played = day("time.holding: OFFER 4 then FALL")
    assert len(sent(played)) == 1
    assert played.finished[0].outcome is Outcome.ORDER_FAILED
