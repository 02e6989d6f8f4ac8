"""A client's place in a stream over several timelines: nothing twice, nothing lost, in whatever order."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from api.events.cursor import Place
from services.errors import Invalid

NOON = datetime(2026, 11, 30, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("order", list(permutations([11, 12, 13])))
def test_what_was_not_sent_is_missing_whatever_came_before_it(order: tuple[int, ...]) -> None:
    place = Place(10)
    for count, event_id in enumerate(order):
        again = Place.of(place.add(event_id, NOON))
        sent = set(order[: count + 1])
        assert {one for one in (11, 12, 13) if again.has(one)} == sent
        assert again.has(10)


def test_a_place_stays_short_however_long_the_stream_is() -> None:
    place, text = Place(), ""
    for number in range(1, 2000):
        text = place.add(number, NOON + timedelta(seconds=number))
    assert len(text) < 200
    assert Place.of(text).floor == 1999 - 31


def test_the_id_of_a_stream_of_one_strategy_is_a_place() -> None:
    place = Place.of("42")
    assert (place.has(42), place.has(43)) == (True, False)


@pytest.mark.parametrize(
    "odd", ["x", "-1", "1.", ".1", "1..2", "1.x", "9" * 20, f"{2**63 - 1}.1", "1" * 5000]
)
def test_what_is_no_place_is_refused(odd: str) -> None:
    with pytest.raises(Invalid):
        Place.of(odd)


def test_a_new_client_has_nothing() -> None:
    for nothing in (None, ""):
        assert not Place.of(nothing).has(1)
