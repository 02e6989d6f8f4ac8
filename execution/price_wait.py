"""Waits for a price, by the account's own quotes."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal

from domain.errors import BrokerNotConnected, LoginNeeded, Unavailable
from domain.ports import Brokers, Clock
from domain.run import AwaitPrice
from execution.halting import pause
from execution.price_chase import last_price

SETTLES = timedelta(seconds=1)
"""How old a quote may be that is shared: one of before the sale must not have it bought again."""
LOOK_EVERY = 1.0
"""Seconds. Quotes of one account are asked for together, once a second at the most (`quote_turns`)."""


class PriceWait:
    """Looks once a second. A price that cannot be had is none: it is waited for like any other."""

    def __init__(self, brokers: Brokers, clock: Clock) -> None:
        self._brokers = brokers
        self._clock = clock

    async def reached(self, awaited: AwaitPrice, halt: asyncio.Event) -> bool:
        """Return True at the first price that is awaited; False once it is too late, or it was halted."""
        since = self._clock.now() + SETTLES
        await pause(self._clock, 2 * SETTLES.total_seconds(), halt)
        while not halt.is_set() and self._clock.now() < awaited.price.until:
            last = await self._last(awaited, since)
            if last is not None and awaited.price.is_reached(last):
                return True
            await pause(self._clock, LOOK_EVERY, halt)
        return False

    async def _last(self, awaited: AwaitPrice, since: datetime) -> Decimal | None:
        try:
            account = await self._brokers.of(awaited.key.user_id, awaited.terms.account)
        except (BrokerNotConnected, LoginNeeded, Unavailable):
            return None
        return await last_price(account, awaited.terms.instrument, since)
