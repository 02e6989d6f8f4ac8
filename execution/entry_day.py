"""Asks the calendar again before an entry: a day that was planned may be closed by now."""

import asyncio
from datetime import datetime

from domain.errors import CalendarUnknown
from domain.ports import Clock, TradingDays
from domain.run import Entered, EnterOrder
from domain.strategy import Outcome
from domain.trading_day import segment_of, unknown_text, why_not

ASK_EVERY = 0.2
"""Seconds between two questions while the calendar cannot be read."""


class EntryDay:
    """Says whether an entry's day still trades. Exits do not ask."""

    def __init__(self, days: TradingDays, clock: Clock) -> None:
        self._days = days
        self._clock = clock

    async def closed(self, order: EnterOrder) -> Entered | None:
        """Return the refusal where the day is known not to fit. An unknown day is for `refusal` to judge."""
        try:
            return await self._refusal(order)
        except CalendarUnknown:
            return None

    async def refusal(self, order: EnterOrder, latest: datetime, halt: asyncio.Event) -> Entered | None:
        """Return why the entry may not be claimed now, None where it may.

        A calendar that cannot be read is asked until `latest`; then nothing is bought: what cannot be read
        may be the very line that closes the day.
        """
        while True:
            try:
                return await self._refusal(order)
            except CalendarUnknown as unknown:
                if halt.is_set() or self._clock.now() >= latest:
                    return _skipped(unknown_text(order, unknown))
            await self._clock.sleep(ASK_EVERY)

    async def _refusal(self, order: EnterOrder) -> Entered | None:
        found = await self._days.look_up(order.key.trading_day, segment_of(order))
        why = why_not(found, order)
        return _skipped(f"{why}; nothing was bought") if why else None


def _skipped(detail: str) -> Entered:
    return Entered(0, outcome=Outcome.SKIPPED, detail=detail)
