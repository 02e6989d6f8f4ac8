"""What a probe is held against: which differences bar stops at the exchange, and which are only said."""

from collections import Counter
from dataclasses import replace

import pytest

from services.probe import expectations
from services.probe.expectations import TABLE, Expectation, Kind, differences, digest

AS_EXPECTED = {one.name: one.wants[0] for one in TABLE}


def names(seen: dict[str, str], *, again: bool = False) -> list[str]:
    return [one.expected.name for one in differences(seen, again=again)]


def test_what_is_as_expected_has_no_difference() -> None:
    assert names(AS_EXPECTED, again=True) == []


def test_names_are_unique_and_each_line_has_a_source_and_something_to_see() -> None:
    assert max(Counter(one.name for one in TABLE).values()) == 1
    assert all(one.source and one.wants and all(one.wants) for one in TABLE)


@pytest.mark.parametrize("one", TABLE, ids=lambda one: one.name)
def test_each_line_can_be_missed(one: Expectation) -> None:
    assert names(AS_EXPECTED | {one.name: "something else"}, again=True) == [one.name]


@pytest.mark.parametrize(
    "name",
    [
        "stop.status",
        "stop.trigger",
        "move.trigger",
        "move.number",
        "above.left",
        "sale.status",
        "sale.number",
        "sale.left",
        "cancel.status",
        "cancel.filled",
    ],
)
def test_by_what_the_product_decides_what_to_sell_matters_for_safety(name: str) -> None:
    """A stop that does not rest, a change without an effect, a number that sells twice or not at all."""
    (found,) = differences(AS_EXPECTED | {name: "something else"}, again=True)
    assert found.expected.safety
    assert "matters for safety" in found.words


def test_words_of_refusals_and_shown_kinds_do_not_bar_it() -> None:
    light = {one.name for one in TABLE if not one.safety}
    assert light == {
        *("buy.order_type", "sale.order_type"),
        *("wide.taken", "wide.message", "above.taken", "above.message"),
    }


def test_what_was_not_seen_is_a_difference_and_says_so() -> None:
    (found,) = differences(
        {name: seen for name, seen in AS_EXPECTED.items() if name != "sale.left"}, again=True
    )
    assert "nothing was seen of it" in found.words


def test_the_second_round_is_missed_only_where_it_was_wanted() -> None:
    first = {one.name: one.wants[0] for one in TABLE if not one.again}
    assert names(first) == []
    assert set(names(first, again=True)) == {one.name for one in TABLE if one.again}


def test_words_of_a_refusal_are_looked_for_in_any_case() -> None:
    says = Expectation("a.message", "Says it", ("permissible range",), "W", kind=Kind.SAYS)
    assert says.met_by("Over the exchange PERMISSIBLE RANGE.")
    assert not says.met_by("")


def test_a_changed_line_asks_for_a_new_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest()
    changed = (replace(TABLE[0], wants=("201",)), *TABLE[1:])
    monkeypatch.setattr(expectations, "TABLE", changed)
    assert digest() != before
