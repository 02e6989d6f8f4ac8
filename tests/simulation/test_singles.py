"""One fault at every point that a day passes, on the way to each of its endings."""

from functools import cache

import pytest

from domain.failpoint import CHASE_STEPS, STEPS
from domain.strategy import Outcome
from tests.simulation.checker import judge
from tests.simulation.explore import ENDINGS, Explored, singles
from tests.simulation.faults import Fault
from tests.simulation.play import play

WITH_RUN = tuple(step for step in STEPS if not step.startswith(("start.", "stop.")))
"""The steps a run passes; the others are the API's and the listener's."""


@cache
def explored(ending: str) -> Explored:
    return singles(ENDINGS[ending])


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ("sell time", Outcome.SOLD),
        ("stop-loss", Outcome.STOP_LOSS),
        ("stop", Outcome.STOPPED),
        ("keep", Outcome.KEPT),
        ("cancel", Outcome.CANCELLED),
    ],
)
def test_a_day_without_faults_ends_as_it_should(ending: str, outcome: Outcome) -> None:
    played = play(ENDINGS[ending])
    assert [end.outcome for end in played.finished] == [outcome]
    assert judge(played) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_no_order_twice_lost_or_forgotten_whatever_single_fault_strikes(ending: str) -> None:
    assert explored(ending).days > 250
    assert not explored(ending).failures, "\n".join(explored(ending).failures)


def test_every_step_of_the_order_protocol_is_passed_when_all_single_faults_are_played() -> None:
    assert set(WITH_RUN) <= explored("sell time").points
    assert set(CHASE_STEPS) <= explored("chase").points


def test_a_day_is_the_same_when_it_is_played_again() -> None:
    faults = [Fault.read("entry.claimed#1: crash"), Fault.read("place.exit#1: late 25")]
    assert play(faults) == play(faults)
