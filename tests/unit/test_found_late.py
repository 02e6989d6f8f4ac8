"""An entry that turns up late, and another strategy that buys the same shares: every order of events.

The first entry is sent at 0 and found at once or after a while. Another strategy buys as many shares at
some instant, and a hand on the account (its user's, the risk desk's) sells as many at another. Then both sell
what the rules allow, one after the other, a quarter of an hour later.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from domain.sellable import FOUND_LATE, LOOKED_AT_WITHIN, Account, OtherClaims, claims_from

SENT = datetime(2026, 11, 30, 10, tzinfo=UTC)
SHARES = 10
FOUND = (0, 10, 11, 49)
INSTANTS = (5, 20, 48, 52, 70, 108, 110, 300)


def at(seconds: float) -> datetime:
    return SENT + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Day:
    """The seconds at which the entry is found, the other buys, and the hand sells, or None."""

    found: int
    other: int
    hand: int | None

    @property
    def first_is_older(self) -> bool:
        """Tell whose claim comes first."""
        known = claims_from(at(0), at(self.found)) or at(self.found)
        return known < at(self.other)

    def sold(self, first_sells_first: bool) -> tuple[int, int, int]:
        """Return what the first and the other sell, and what the account shows at the end."""
        net = 2 * SHARES - (SHARES if self.hand is not None else 0)
        held, sold = {True: SHARES, False: SHARES}, {True: 0, False: 0}
        for first in (first_sells_first, not first_sells_first):
            older = held[not first] if self.first_is_older is not first else 0
            sold[first] = Account(net, claims=OtherClaims(older, baseline=0)).sellable(held[first])
            net -= sold[first]
            held[first] = 0
        return sold[True], sold[False], net


DAYS = [Day(*of) for of in product(FOUND, INSTANTS, (*INSTANTS, None)) if of[1] != of[2]]


@pytest.mark.parametrize("first_sells_first", [True, False])
def test_all_that_is_there_is_sold_once_and_no_more(first_sells_first: bool) -> None:
    for day in DAYS:
        *sold, net = day.sold(first_sells_first)
        assert net == 0, day
        assert sum(sold) == (SHARES if day.hand is not None else 2 * SHARES), day


@pytest.mark.parametrize("first_sells_first", [True, False])
def test_what_was_gone_before_another_bought_is_not_sold_as_the_others(first_sells_first: bool) -> None:
    """Until the account is looked at again after the find; from then on it is known what is missing."""
    for day in DAYS:
        late = day.found > FOUND_LATE.total_seconds()
        looked_at = day.found + LOOKED_AT_WITHIN.total_seconds()
        if day.hand is not None and day.hand < day.other < looked_at and late:
            assert day.sold(first_sells_first)[:2] == (0, SHARES), day


def test_an_entry_that_was_found_in_time_claims_by_its_fill() -> None:
    assert claims_from(at(0), at(10)) is None
    assert claims_from(None, at(3600)) is None, "it was never sent by us"
