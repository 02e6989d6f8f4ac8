"""Other hands on the account: every one of them at every step, for shares of both products."""

import pytest

from domain.strategy import Outcome, Product
from tests.simulation.account_rules import inside_the_window, taken
from tests.simulation.checker import judge
from tests.simulation.day_terms import BEFORE
from tests.simulation.explore import ENDINGS, FIRST_HANDS, HANDS, singles
from tests.simulation.faults import Fault
from tests.simulation.play import play
from tests.simulation.played import Played

PRODUCTS = {"CNC": (), "MIS": (Fault(BEFORE, 1, "MIS"),)}


def played(*words: str) -> Played:
    return play([Fault.read(fault) for fault in words])


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("ending", ["sell time", "stop-loss"])
def test_nothing_is_sold_short_or_forgotten_whatever_hand_moves_at_any_step(
    ending: str, product: str
) -> None:
    explored = singles((*PRODUCTS[product], *ENDINGS[ending]), FIRST_HANDS)
    assert explored.days > 300
    assert explored.inside, "no hand was in the window between the last look and the order"
    assert not explored.failures, "\n".join(explored.failures[:20])


@pytest.mark.proof
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_is_sold_short_or_forgotten_when_a_hand_moves_the_second_time_either(
    ending: str, product: str
) -> None:
    explored = singles((*PRODUCTS[product], *ENDINGS[ending]), HANDS)
    assert not explored.failures, "\n".join(explored.failures[:20])


@pytest.mark.parametrize("own", [0, 10])
@pytest.mark.parametrize(
    ("hand", "outcome", "outside"),
    [
        ("HAND", Outcome.CLOSED_OUTSIDE, 10),
        ("HAND 4", Outcome.SOLD, 4),
        ("HAND BUY 4", Outcome.SOLD, 0),
        ("HAND CONVERT", Outcome.CLOSED_OUTSIDE, 10),
        ("HAND CONVERT 4", Outcome.SOLD, 4),
        ("HAND CONVERT BACK", Outcome.SOLD, 0),
        ("HAND LOGIN 3", Outcome.SOLD, 0),
        ("HAND SWITCH 10", Outcome.SOLD, 0),
        ("BROKER SQUARE OFF", Outcome.CLOSED_OUTSIDE, 10),
        ("BROKER REFUSE", Outcome.ORDER_FAILED, 0),
        ("BROKER ROW 20", Outcome.SOLD, 0),
    ],
)
def test_a_run_ends_as_it_should_when_a_hand_moves_while_it_holds(
    hand: str, outcome: Outcome, outside: int, own: int
) -> None:
    product = "MIS" if "SQUARE" in hand or not own else "own 10"
    day = played(f"{BEFORE}: {product}", f"time.holding: {hand}")
    assert judge(day) == []
    if own and outside and day.product is Product.CNC and hand != "HAND":
        return  # his own shares stand in for those that he took: see the rule of the baseline
    assert [(end.outcome, end.outside) for end in day.finished] == [(outcome, outside)]


@pytest.mark.parametrize(
    ("words", "inside"),
    [
        (("place.exit: HAND",), True),
        (("exit.claimed: HAND",), True),
        (("time.before_sale: HAND",), False),
    ],
)
def test_a_hand_that_no_look_can_see_is_counted_apart(words: tuple[str, ...], inside: bool) -> None:
    day = played(*words)
    assert judge(day) == []
    assert taken(day) == 10
    assert inside_the_window(day) is inside


@pytest.mark.parametrize(
    "words",
    [
        # What was converted leaves the books at odds for the day, and a sale without an answer beside it.
        ("time.holding: HAND CONVERT 4", "place.exit: lost nothing"),
        ("before.day: MIS", "time.holding: HAND CONVERT 4", "place.exit: lost"),
        # One write of Postgres fails after it: the sale goes on without the store, by books at odds.
        ("time.holding: HAND CONVERT 4", "log.deny.exit: fail"),
        ("time.holding: HAND CONVERT", "log.leg.exit: down 40"),
        # It goes on without the store while nothing can be proven, and the store comes back.
        ("time.before_sale: BROKER ROWS 300", "log.leg.exit: down 3"),
        # Only the holdings cannot be read: the position shows what is left of what was bought today.
        ("time.holding: HAND CONVERT 4", "read.holdings: down 40"),
        ("time.holding: HAND 4 then DIP", "read.holdings: down 40"),
        ("time.holding: HAND then DIP", "read.holdings: down 40"),
        # The login dies at the stop, the user sells at the broker, and logs in again.
        ("time.holding: HAND LOGIN 40", "time.before_sale: HAND"),
        ("time.holding: HAND then DIP", "place.exit: dead login 40"),
        # Another account is connected while the sale is due, and the first one again.
        ("time.before_sale: HAND SWITCH 10",),
        ("time.before_sale: HAND SWITCH 10", "exit.claimed: crash"),
        # The rest of a half filled sale is cancelled by hand, or sold by hand.
        ("place.exit: half", "time.selling: HAND CANCEL"),
        ("place.exit: half", "time.selling: HAND 4"),
        ("place.exit: half", "time.selling: HAND"),
        # Sold by hand while Postgres is away.
        ("time.before_sale: HAND", "log.claim.exit: down 40"),
        ("before.day: MIS", "time.before_sale: BROKER SQUARE OFF", "log.claim.exit: down 40"),
        # Rows of the symbol cannot be read while it is sold, or gone.
        ("time.before_sale: BROKER ROW 20",),
        ("time.holding: HAND", "time.before_sale: BROKER ROWS 20"),
    ],
)
def test_a_day_is_good_when_a_hand_and_a_fault_meet(words: tuple[str, ...]) -> None:
    assert judge(played(*words)) == []


@pytest.mark.parametrize("reading", [2, 3])
@pytest.mark.parametrize("price", ["FALL", "RISE"])
def test_shares_that_were_read_as_gone_are_not_sold_once_the_books_are_away(price: str, reading: int) -> None:
    day = played(f"{BEFORE}#1: MIS", f"time.holding: HAND then {price}", f"read.positions#{reading}: down 30")
    assert judge(day) == []
    assert day.finished[0].outcome is Outcome.CLOSED_OUTSIDE
    assert [entry.quantity for entry in day.ledger if entry.what == "sent"] == [10]


@pytest.mark.parametrize(
    ("price", "more", "outcome"),
    [
        ("RISE", ("read.orders#2: down 7",), Outcome.CLOSED_OUTSIDE),
        ("FALL", ("read.orders#2: down 7",), Outcome.STOP_LOSS),
        ("FALL", (), Outcome.CLOSED_OUTSIDE),  # the order book shows that nothing is left
    ],
)
def test_a_target_waits_for_an_account_that_cannot_be_read_and_a_stop_does_not(
    price: str, more: tuple[str, ...], outcome: Outcome
) -> None:
    day = played(f"{BEFORE}#1: MIS", f"time.holding: HAND then {price}", "read.positions#1: down 7", *more)
    assert day.finished[0].outcome is outcome
