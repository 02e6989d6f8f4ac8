"""Random terms on random paths: the listener's index decides as the contract does, price by price."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest

from domain.terms import Terms
from domain.watched_strategy import WatchedStrategy
from listener.seen_price import SeenPrice
from listener.trigger_index import TriggerIndex
from tests.fakes.watch_list import watched
from tests.language import paths
from tests.language.naive import Decision, decide

NOW = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
LONG = 60


def decided(one: WatchedStrategy, path: Sequence[Decimal]) -> Decision | None:
    """Return what the index decides on the path, and with which kill and restart in between."""
    index = TriggerIndex()
    index.arm(one)
    for number, price in enumerate(path):
        for crossing in index.fire([(one.instrument, SeenPrice(price, NOW))]):
            assert crossing.price == price
            return Decision(number, crossing.trigger.kind.name)
    return None


def decided_by_another(one: WatchedStrategy, path: Sequence[Decimal], after: int) -> Decision | None:
    """The same, where the listener dies after so many prices and another goes on from the peak written."""
    index = TriggerIndex()
    index.arm(one)
    for number, price in enumerate(path):
        if number == after:
            written = index.risen().get(one.strategy_id)
            index = TriggerIndex()
            index.arm(replace(one, peak=written))
        for crossing in index.fire([(one.instrument, SeenPrice(price, NOW))]):
            return Decision(number, crossing.trigger.kind.name)
    return None


def held(stop_loss: Decimal | None, terms: Terms, entry: Decimal, tick: Decimal) -> WatchedStrategy:
    return replace(watched(), stop_loss=stop_loss, terms=terms, entry=entry, tick=tick)


def compare(seed: int, days: int) -> Counter[str]:
    """Play so many days; fail for the first that differs. Return how the days ended."""
    random, ends = Random(seed), Counter[str]()  # noqa: S311 - days of a test
    for day in range(days):
        tick = random.choice(paths.TICKS)
        price = paths.on_tick(Decimal(random.randrange(40, 6000)), tick)
        entry = price + Decimal(random.randrange(-50, 50)) / 100  # an average of odd fills
        stop_loss, terms = paths.terms(random, tick, price)
        path = paths.path(random, tick, price, LONG)
        one = held(stop_loss, terms, entry, tick)
        expected = decide(stop_loss, terms, entry, tick, path)
        found = decided(one, path)
        assert found == expected, f"seed {seed}, day {day}: {one} on {path}: {found}, not {expected}"
        after = random.randrange(LONG)
        again = decided_by_another(one, path, after)
        assert again == expected, f"seed {seed}, day {day}, restarted before price {after}: {again}"
        moved = "moved " if terms.moves else ""
        ends[f"{moved}{expected.kind}" if expected is not None else "held"] += 1
    return ends


def test_the_index_decides_as_the_contract_does() -> None:
    ends = compare(20261129, 2_000)
    assert all(ends[end] > 50 for end in ("STOP", "TARGET", "moved STOP", "moved TARGET", "held")), ends


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(4))
def test_it_does_on_a_hundred_thousand_random_days(seed: int) -> None:
    compare(seed, 25_000)
