"""Writes each strategy's price and stop once a minute, for its chart. Without Redis the chart has a gap."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from domain.errors import CacheUnavailable
from domain.minute_price import MinutePrice
from domain.ports import Clock

EVERY = timedelta(minutes=1)

log = structlog.stdlib.get_logger("cache")


class MinutePrices(Protocol):
    """Where minutes go."""

    async def add(self, minutes: Mapping[UUID, MinutePrice]) -> None:
        """Write one minute of many strategies. Raises `CacheUnavailable`."""
        ...


class MinuteWriter:
    """`known` returns the price and the stop of each strategy that is watched, at the minute it is given."""

    def __init__(
        self,
        kept: MinutePrices,
        known: Callable[[datetime], Mapping[UUID, MinutePrice]],
        clock: Clock,
    ) -> None:
        self._kept = kept
        self._known = known
        self._clock = clock

    async def run(self) -> None:
        """Write at every full minute until cancelled."""
        while True:
            now = self._clock.now()
            minute = now.astimezone(UTC).replace(second=0, microsecond=0) + EVERY
            await self._clock.sleep((minute - now).total_seconds())
            await self._write(minute)

    async def _write(self, minute: datetime) -> None:
        known = self._known(minute)
        if not known:
            return
        try:
            await self._kept.add(known)
        except CacheUnavailable as error:
            log.info("a minute of the charts is not kept", error=str(error), strategies=len(known))
