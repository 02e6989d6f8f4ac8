"""The checker finds what may go wrong between two days of a series."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from tests.chaos.evidence import Evidence, first_days
from tests.chaos.good_day import SELL_AT, SOLD, good, in_series, invariants, order, placed

TUESDAY = date(2026, 11, 24)


async def test_nothing_is_violated_when_a_series_is_in_order() -> None:
    seen = good()
    in_series(seen)
    assert await invariants(seen) == set()


def twice(seen: Evidence) -> None:
    seen.starts.append(seen.starts[1])


def lost(seen: Evidence) -> None:
    del seen.starts[1]


def never_ended(seen: Evidence) -> None:
    seen.series[0]["ended_at"] = None


def traded_after_its_end(seen: Evidence) -> None:
    at = SELL_AT + timedelta(days=1)
    seen.ledger.append(placed("BUY", "B9", at))
    seen.orders.append(order("entry", "B9", at, trading_day=TUESDAY))


@pytest.mark.parametrize("spoilt", [twice, lost, never_ended, traded_after_its_end])
async def test_what_is_not_in_order_is_found(spoilt: Callable[[Evidence], None]) -> None:
    seen = good()
    in_series(seen)
    spoilt(seen)
    assert "12" in await invariants(seen)


async def test_a_series_that_its_user_ended_before_is_not_gone_on_with() -> None:
    seen = good()
    in_series(seen)
    del seen.starts[1]
    seen.script["days"][0]["acts"].append({"what": "stop", "at": 0, "strategy_id": SOLD})
    assert await invariants(seen) == set()


def test_the_first_day_is_judged_by_the_books_once_the_next_one_waits() -> None:
    seen = good()
    in_series(seen)
    row = seen.strategies[SOLD] | {
        "trading_day": date(2026, 11, 23),
        "bought_quantity": 0,
        "sold_quantity": 0,
    }
    book = {"strategy_id": SOLD, "trading_day": date(2026, 11, 20), "round": 2, "quantity": 10, "sold": 4}
    book |= {"outside": 6, "outcome": "closed_outside", "outcome_detail": "gone"}
    found = first_days({SOLD: row}, seen.starts, [book])[SOLD]
    assert (found["bought_quantity"], found["sold_quantity"], found["outside_quantity"]) == (10, 4, 6)
    assert (found["position"], found["outcome"], found["round"]) == ("sold", "closed_outside", 2)
    assert found["workflow_id"] == f"strategy-{SOLD}-2026-11-20"
    assert first_days({SOLD: row}, seen.starts, []) == {}, "its first day is the one that waits"
