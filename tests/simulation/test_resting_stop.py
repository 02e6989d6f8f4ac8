"""A stop at the exchange: every state that a protected exit reaches with one fault, and with every pair."""

from functools import cache

import pytest

from domain.resting_stop import State
from tests.simulation.resting_explore import Explored, begin, explore, is_protected_before, play, slowest
from tests.simulation.resting_rules import wrong
from tests.simulation.resting_world import CALL_FAULTS, World

DAYS: dict[str, World] = {
    "sold at its time": begin(("sell",)),
    "stopped at the exchange": begin(("stop",)),
    "stopped above the resting trigger": begin(("between",)),
    "kept": begin(("keep",)),
    "stopped while all was away": begin(("asleep", "stop")),
    "closed by the market": begin(("close",)),
    "moved, sold": begin(("trail", "sell")),
    "moved, stopped": begin(("trail", "stop")),
    "filled later, sold": begin(("fill", "sell")),
    "filled later, stopped": begin(("fill", "stop")),
    "two slices, sold": begin(("sell",), most=1),
    "two slices, stopped": begin(("stop",), most=1),
    "one change left, sold": begin(("sell",), changes=24),
    "no change left, sold": begin(("sell",), changes=25),
    "one move left": begin(("trail", "stop"), changes=19),
    "no move left": begin(("trail", "sell"), changes=20),
}


@cache
def explored(day: str, faults: int) -> Explored:
    return explore(DAYS[day], faults)


def failures(found: Explored) -> str:
    return "\n".join(f"{why}\n    {' · '.join(way)}" for why, way in found.failures.items())


@pytest.mark.parametrize("day", DAYS)
def test_all_shares_rest_at_the_exchange_before_the_end_of_a_day_without_faults(day: str) -> None:
    assert is_protected_before(DAYS[day])
    assert not explored(day, 0).failures, failures(explored(day, 0))


@pytest.mark.parametrize("day", DAYS)
def test_no_share_is_sold_twice_or_left_whatever_single_fault_strikes(day: str) -> None:
    assert explored(day, 1).states > 200
    assert not explored(day, 1).failures, failures(explored(day, 1))


def test_every_state_of_the_table_is_met_and_every_fault_strikes() -> None:
    found = [explored(day, 1) for day in DAYS]
    assert set[State]().union(*(one.met for one in found)) == set(State)
    struck = set[str]().union(*(one.faults for one in found))
    calls = {f"{what}: {fault}" for what, faults in CALL_FAULTS.items() for fault in faults}
    others = {"the worker dies", "17070", "self trade", "sweep", "a hand cancels", "a hand moves it"} | {
        "a hand converts 1"
    }
    assert struck >= calls | others | {"a part", "it triggers nothing", "no store", "no broker for 600"}


def test_only_a_hand_that_sells_the_same_shares_leaves_more_sold_than_was_there() -> None:
    assert explored("stopped at the exchange", 0).oversold == 0
    assert explored("stopped at the exchange", 1).oversold > 0


@pytest.mark.parametrize(
    ("fault", "tenths"), [("none", 5), ("change: lost", 25), ("change: refused", 8), ("change: late", 30)]
)
def test_a_sale_asks_again_soon_where_its_change_was_lost(fault: str, tenths: int) -> None:
    assert 0 < slowest(DAYS["sold at its time"], fault) <= tenths


def test_an_order_that_shows_90_seconds_late_is_looked_for_when_everything_is_sold() -> None:
    states = play(DAYS["sold at its time"], ("place: beyond", "sell now"))
    assert [why for state in states if (why := wrong(state))] == []
    assert states[-1].done
    assert states[-1].beyond
    assert any(state.exchange.may_sell and not state.exchange.held for state in states), "it was there"


@pytest.mark.proof
@pytest.mark.parametrize("day", DAYS)
def test_no_share_is_sold_twice_or_left_whatever_two_faults_strike(day: str) -> None:
    found = explored(day, 2)
    assert found.states > 10_000
    assert not found.failures, failures(found)
