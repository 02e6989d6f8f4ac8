"""A worker asks for the operator's word once a second for all entries, and waits a second at the most."""

import asyncio
from datetime import date

import pytest

from adapters.calendar.trading_days import CalendarTradingDays
from domain.errors import CalendarUnknown, StoreUnavailable
from domain.instrument import Segment
from domain.session import Session
from tests.fakes.calendar import Weekdays

FRIDAY = date(2026, 11, 20)


class Word:
    """The operator's word, as far as it can be read."""

    def __init__(self, failure: Exception | None = None, never: bool = False) -> None:
        self.failure = failure
        self.never = never
        self.within: list[float] = []

    async def fresh(self, seconds: float) -> None:
        self.within.append(seconds)
        if self.never:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure


async def test_a_day_is_looked_up_by_a_word_of_the_last_second() -> None:
    word = Word()
    assert isinstance(await CalendarTradingDays(Weekdays(), word).look_up(FRIDAY, Segment.CASH), Session)
    assert word.within == [1.0]


@pytest.mark.parametrize("word", [Word(StoreUnavailable("away")), Word(never=True)])
async def test_a_word_that_cannot_be_read_leaves_the_day_unknown(word: Word) -> None:
    days = CalendarTradingDays(Weekdays(), word, answers_within=0.05)
    with pytest.raises(CalendarUnknown, match="cannot be read"):
        await days.look_up(FRIDAY, Segment.CASH)
