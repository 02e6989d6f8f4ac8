"""Orders one at a time, as most days are: no other order wants the same moment."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bench.crowd import (
    AHEAD,
    BELOW,
    HELD_WITHIN,
    LENGTH,
    PRICE,
    SELL_TIME,
    STOP,
    after,
    first_received,
    tick_of,
)
from bench.people import People, User, bounded
from bench.spread import Samples
from bench.stage import Stage
from tests.e2e.trader import soon

SYMBOLS = (
    "ADANIENT", "ADANIPORTS", "APOLLOHOSP", "ASIANPAINT", "AXISBANK", "BAJFINANCE", "BEL", "BHARTIARTL",
    "CIPLA", "COALINDIA", "DRREDDY", "EICHERMOT", "GRASIM", "HCLTECH", "HDFCBANK", "HINDALCO", "ITC",
    "JSWSTEEL", "MARUTI", "TCS",
)  # fmt: skip
"""One a user: a price that falls for one must not fall for another."""


@dataclass(frozen=True, slots=True)
class Alone:
    """Orders one at a time, a second apart, each of another user in another symbol."""

    stage: Stage
    people: People
    users: Sequence[User]
    tell: Callable[[str], None]

    @property
    def symbols(self) -> Sequence[str]:
        return SYMBOLS[: len(self.users)]

    async def measured(self) -> tuple[Samples, Samples]:
        """Buy one by one, then let each stop be hit by a tick of its own; return both in ms."""
        bought, ids = await self.enter()
        self.tell("one stop after the other")
        await self.stage.until(lambda: self._held(ids), HELD_WITHIN)
        await self.stage.quiet()
        return bought, await self._fall()

    async def enter(self, first: datetime | None = None) -> tuple[Samples, list[str]]:
        """Buy a second apart; return each lateness in ms, and the strategies in the order of their users.

        `first` is when the first one is due; soon, where it is not given.
        """
        for symbol in self.symbols:
            await self.people.price(symbol, PRICE)
        if first is None:
            first = await soon(AHEAD + len(self.users) * 0.2, LENGTH)
        self.tell(f"{len(self.users)} single BUYs from {first:%H:%M:%S}, a second apart")
        dues = [first + timedelta(seconds=number) for number in range(len(self.users))]
        work = [partial(self._start, *one) for one in zip(self.users, self.symbols, dues, strict=True)]
        ids = await bounded(4, work)
        await asyncio.sleep(max(0, dues[-1].timestamp() + 3 - time.time()))
        received = first_received(await self.people.ledger(), "BUY", first.timestamp() - AHEAD)
        lateness = [
            after(received.get(user.broker_user_id), due.timestamp())
            for user, due in zip(self.users, dues, strict=True)
        ]
        return lateness, ids

    async def _fall(self) -> Samples:
        began, ticks = time.time(), []
        for symbol in self.symbols:
            ticks.append(tick_of(await self.people.price(symbol, BELOW)))
            await asyncio.sleep(1)
        received = first_received(await self.people.ledger(), "SELL", began)
        return [
            after(received.get(user.broker_user_id), tick_at)
            for user, tick_at in zip(self.users, ticks, strict=True)
        ]

    async def _start(self, user: User, symbol: str, due: datetime) -> str:
        made = await self.people.create(user, due, SELL_TIME, symbol=symbol, stop_loss=STOP)
        await self.people.start(user, made)
        return made

    async def _held(self, ids: Sequence[str]) -> bool:
        return await self.stage.count(ids, phase="holding") == len(ids)
