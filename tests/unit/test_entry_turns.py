"""Entries of one user that are due together have turns by their START, as fast as the broker takes them."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.budget import ENTRIES
from domain.entry_turns import IN_TIME, MISSED_AFTER, crowd_warning, crowded_text, turns

DUE = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)  # 09:30 in India


def seconds(*counts: int) -> list[datetime]:
    """So many entries at 09:30:00, at 09:30:01, and so on."""
    return [DUE + timedelta(seconds=second) for second, count in enumerate(counts) for _ in range(count)]


def waits(dues: list[datetime]) -> list[int]:
    return [round((turn - due).total_seconds()) for due, turn in zip(dues, turns(dues), strict=True)]


def test_one_entry_and_a_second_full_of_them_are_due_when_they_are_due() -> None:
    assert turns([DUE]) == [DUE]
    assert waits(seconds(ENTRIES.a_second)) == [0] * ENTRIES.a_second


def test_the_rest_has_the_seconds_after_it_in_the_order_of_the_line() -> None:
    assert waits(seconds(20)) == [0] * 8 + [1] * 8 + [2] * 4


def test_a_full_second_pushes_what_is_due_in_the_next() -> None:
    assert waits(seconds(12, 8)) == [0] * 8 + [1] * 4 + [0] * 4 + [1] * 4


def test_what_is_missed_in_one_second_takes_no_turn_in_a_later_one() -> None:
    crowd = seconds(100, 0, 0, 1)
    assert waits(crowd)[:IN_TIME] == [nth // 8 for nth in range(IN_TIME)]
    assert min(waits(crowd)[IN_TIME:100]) == 5, "the rest is too late"
    assert waits(crowd)[-1] == 2, "after the 40 of three seconds before"
    assert waits(seconds(40, 40, 40, 40, 40, 1))[-1] <= 4, "never missed because of those that are"


def test_what_is_due_after_a_pause_is_not_pushed() -> None:
    assert waits(seconds(9, 0, 8)) == [0] * 8 + [1] + [0] * 8


@pytest.mark.parametrize("instant", [DUE, DUE + timedelta(microseconds=400_000)])
def test_no_second_holds_more_turns_than_the_broker_takes(instant: datetime) -> None:
    found = turns([instant] * 40)
    assert max(found.count(turn) for turn in found) <= ENTRIES.a_second
    assert min(found) == instant


@pytest.mark.parametrize(("before", "warned"), [(0, False), (39, False), (40, True), (49, True)])
def test_a_start_is_warned_from_the_first_whose_turn_comes_too_late(before: int, warned: bool) -> None:
    warning = crowd_warning([DUE] * before, DUE, MISSED_AFTER)
    assert (warning is not None) == warned
    if warning is not None:
        assert f"{before + 1} of your orders are due at 09:30" in warning
        assert "10 orders a second" in warning


def test_a_crowd_of_the_second_before_counts_and_one_of_a_minute_before_does_not() -> None:
    before = [DUE - timedelta(seconds=1)] * IN_TIME
    assert crowd_warning([*before, *[DUE] * 7], DUE, MISSED_AFTER) is None
    assert crowd_warning([*before, *[DUE] * 8], DUE, MISSED_AFTER) is not None
    assert crowd_warning([*before, *before, *[DUE] * 7], DUE, MISSED_AFTER) is None, (
        "missed, they take no turn"
    )
    assert crowd_warning([DUE - timedelta(minutes=1)] * 80, DUE, MISSED_AFTER) is None


def test_a_start_is_warned_of_a_minute_that_is_full() -> None:
    before = [DUE - timedelta(seconds=6 * nth) for nth in range(1, 10) for _ in range(IN_TIME)]
    assert crowd_warning(before[:-1], DUE, MISSED_AFTER) is None
    warning = crowd_warning(before, DUE, MISSED_AFTER)
    assert warning is not None
    assert "361 of your orders are due within a minute; the broker takes 400" in warning


def test_a_miss_says_how_many_were_due_and_how_many_the_broker_takes() -> None:
    text = crowded_text(50, DUE)
    assert text.startswith("50 of your orders are due at 09:30; the broker takes 10 orders a second")
