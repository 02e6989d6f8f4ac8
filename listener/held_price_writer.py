"""Writes prices of held shares to Postgres each second, of accounts whose day has a limit.

Workers judge open losses by them (`domain.account_day`). A price is written only while it may act, with its
age: what is not known is left to grow old there.
"""

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

import structlog

from domain.errors import StoreUnavailable
from domain.held_stop import HeldPrice
from domain.ports import Clock, HeldStops

EVERY = 1.0

log = structlog.stdlib.get_logger("watch")


class HeldPriceWriter:
    """`acting` returns the prices that may act now, of these strategies."""

    def __init__(
        self,
        stops: HeldStops,
        acting: Callable[[Collection[UUID]], Mapping[UUID, HeldPrice]],
        holds: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """`holds` tells whether this listener follows any strategy that holds shares."""
        self._stops = stops
        self._acting = acting
        self._holds = holds
        self._clock = clock
        self._failing = False

    async def run(self) -> None:
        """Write until cancelled; what Postgres did not take is not written later: it would be old."""
        while True:
            await self._write()
            await self._clock.sleep(EVERY)

    async def _write(self) -> None:
        if not self._holds():
            return
        try:
            if wanted := await self._stops.prices_wanted():
                await self._stops.say_prices(self._acting(wanted))
        except StoreUnavailable as error:
            if not self._failing:
                log.warning("prices for the limits of accounts are not written", error=str(error))
            self._failing = True
        else:
            self._failing = False
