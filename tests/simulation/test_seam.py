"""Faults at every step between two days of a series, and every word that may come there."""

from collections.abc import Iterator
from functools import cache

import pytest

from domain.failpoint import SERIES_STEPS
from domain.series import SeriesEnd
from tests.simulation.explore import Explored
from tests.simulation.faults import CRASH, STORE, Fault
from tests.simulation.seam import CANCEL_THEN_CRASH, CRASH_THEN_CANCEL, DAYS, Series, play_series
from tests.simulation.seam_rules import judge

WORDS = ("STOP", "KILL SWITCH", "TERMINATE", "CANCEL", "EDIT", "SKIP")
FREEZES = ("freeze 2.6", "freeze 30")
STEPS = ("end_day", "begin_next", "plan_anew", "temporal", "activate")
STORES = ("series", "runs")


def actions_at(point: str) -> tuple[str, ...]:
    """Return everything that may happen at a point of the seam; nothing at those of orders."""
    room = point.partition(".")[0]
    if room in STEPS:
        return (*CRASH, *FREEZES, *WORDS, CANCEL_THEN_CRASH, CRASH_THEN_CANCEL)
    if room in STORES:
        return STORE
    return WORDS if room == "time" else ()


BOUGHT = ("entry.written", 1)
"""What strikes before the first day is bought is the business of `test_singles.py`."""


def faults(played: Series, after: int, nth: int = 3) -> Iterator[Fault]:
    for point, passed in played.trace[after + 1 :]:
        if passed <= nth:
            for action in actions_at(point):
                yield Fault(point, passed, action)


def look(explored: Explored, *struck: Fault) -> Series:
    played = play_series(struck)
    explored.days += 1
    explored.points.update(point for point, _ in played.trace)
    wrong = judge(played)
    if wrong:
        words = " ".join(f"'{fault}'" for fault in struck)
        explored.failures.append(f"{words}\n    " + "\n    ".join(wrong))
    return played


@cache
def singles() -> Explored:
    explored = Explored()
    plain = look(explored)
    for fault in faults(plain, plain.trace.index(BOUGHT)):
        look(explored, fault)
    return explored


def test_a_series_without_faults_trades_each_of_its_days_and_ends() -> None:
    played = play_series(())
    assert judge(played) == []
    assert [day for _, day, _ in played.bought] == list(DAYS)
    assert played.ended_by is SeriesEnd.COMPLETED


def test_no_day_twice_none_lost_and_none_after_the_end_whatever_single_fault_strikes() -> None:
    assert singles().days > 250
    assert not singles().failures, "\n".join(singles().failures)


def test_every_step_of_the_seam_is_passed() -> None:
    assert set(SERIES_STEPS) <= singles().points


FIRST = {
    "end_day": (*CRASH, "CANCEL", CRASH_THEN_CANCEL),
    "begin_next": (*CRASH, "CANCEL", CRASH_THEN_CANCEL),
    "plan_anew": CRASH,
    "activate": CRASH,
    "series": ("commit lost", "down 40"),
}
"""What strikes first: a worker is gone, or the store is."""
SECOND = ("STOP", "KILL SWITCH", "TERMINATE", "CANCEL", "SKIP", "crash")
PARTS = 4


def firsts(plain: Series) -> list[Fault]:
    """Return what strikes first at the seam between the first two days."""
    return [
        Fault(point, passed, action)
        for point, passed in plain.trace[plain.trace.index(BOUGHT) + 1 :]
        if passed == 1 or (passed == 2 and point.startswith(("plan_anew", "activate")))
        for action in FIRST.get(point.partition(".")[0], ())
    ]


def seconds(played: Series) -> Iterator[Fault]:
    """Yield what may come after that, wherever it has led."""
    for point, passed in played.trace[played.triggered[0] + 1 :]:
        if passed <= 2 and point.partition(".")[0] in STEPS:
            for action in SECOND:
                yield Fault(point, passed, action)


@pytest.mark.proof
@pytest.mark.parametrize("part", range(PARTS))
def test_no_day_twice_none_lost_and_none_after_the_end_whatever_strikes_twice(part: int) -> None:
    explored = Explored()
    for first in firsts(look(explored))[part::PARTS]:
        played = look(explored, first)
        for second in seconds(played) if played.triggered else ():
            look(explored, first, second)
    assert explored.days > 100
    assert not explored.failures, "\n".join(explored.failures[:20])
