"""Days of trading without a pause: one begins every second, buys, and sells by time or by its stop."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.chaos.rows import connected
from tests.e2e.trader import INDIA, Trader
from tests.operations.site import Site

USERS = 8
AHEAD = 8
"""Seconds from START to its purchase."""
HELD = 20
"""Seconds from the purchase to the sale."""
CALM, CROSSED, STOP = 3550, 2900, 3000
STOPPED = (
    *("BEL", "CIPLA", "COALINDIA", "DRREDDY", "EICHERMOT", "GRASIM", "HCLTECH", "HINDALCO", "ITC", "LT"),
)
"""Symbols whose price falls below the stop of the one day that holds them."""
EACH = 5
"""Every such day is stopped by its price."""
SETTLED_WITHIN = 120


@dataclass(frozen=True, slots=True)
class Begun:
    """A day that was started, and when its price fell, epoch seconds; None: it is sold by time."""

    strategy_id: str
    user: Trader
    crossed: "asyncio.Future[float] | None"


@dataclass(frozen=True, slots=True)
class Sent:
    """An order that reached the exchange: seconds after its due time, or after the price that it follows."""

    at: float
    leg: str
    late: float


@dataclass
class DayLoad:
    """Starts days until it is told to end; then says what became of each."""

    site: Site
    users: list[Trader] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    falls: list[tuple[str, float | None]] = field(default_factory=list)
    """Each price that fell, and when its tick left the exchange; None: no listener had asked for it."""
    _over: bool = False
    _falls: list["asyncio.Task[None]"] = field(default_factory=list)

    async def ready(self) -> None:
        """Sign the users up, and set the prices."""
        self.users = [await self.site.trader() for _ in range(USERS)]
        for symbol in (*STOPPED, "TCS"):
            await self.site.product.paper("/_paper/price", symbol=symbol, price=CALM)

    async def run(self) -> None:
        """Begin a day each second, until `end`."""
        number = 0
        began = time.monotonic()
        while not self._over:
            self.begun.append(await self._day(number))
            number += 1
            await asyncio.sleep(max(0.0, began + number - time.monotonic()))

    async def end(self) -> None:
        """Begin no more, and wait until each has ended."""
        self._over = True
        for day in self.begun:
            await day.user.until(day.strategy_id, status="stopped")
        await asyncio.gather(*self._falls)
        for user in self.users:
            await user.http.aclose()

    async def _day(self, number: int) -> Begun:
        user = self.users[number % USERS]
        buy_at = (datetime.now(INDIA) + timedelta(seconds=AHEAD + 1)).replace(microsecond=0)
        by_price = number % EACH == 0
        symbol = STOPPED[number // EACH % len(STOPPED)] if by_price else "TCS"
        sell_at = buy_at + timedelta(seconds=HELD * (3 if by_price else 1))
        strategy_id = await user.create(buy_at, sell_at, symbol=symbol, stop_loss=STOP)
        await user.start(strategy_id)
        if not by_price:
            return Begun(strategy_id, user, None)
        crossed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._falls.append(asyncio.create_task(self._fall(symbol, buy_at, crossed)))
        return Begun(strategy_id, user, crossed)

    async def _fall(self, symbol: str, buy_at: datetime, crossed: "asyncio.Future[float]") -> None:
        await asyncio.sleep((buy_at - datetime.now(INDIA)).total_seconds() + HELD / 2)
        fell = await self.site.product.paper("/_paper/price", symbol=symbol, price=CROSSED)
        self.falls.append((symbol, fell["tick_at"]))
        crossed.set_result(fell["tick_at"] or time.time())
        await asyncio.sleep(HELD)
        await self.site.product.paper("/_paper/price", symbol=symbol, price=CALM)

    async def lost(self) -> list[str]:
        """Return each day that did not buy once and sell once, with what it did."""
        faults = []
        for day in self.begun:
            seen = await self._rows(day)
            sides = sorted(row["transaction_type"] for row in seen if row["status"] == "COMPLETE")
            if sides != ["BUY", "SELL"] or len(seen) != 2:
                faults.append(f"{day.strategy_id}: {sides} of {len(seen)} orders")
        return faults

    async def sent(self) -> list[Sent]:
        """Return each order with its lateness."""
        found = []
        for day in self.begun:
            for row in await self._orders(day):
                late = (row["sent_at"] - row["due_at"]).total_seconds() if row["due_at"] else 0.0
                if row["leg"] == "exit" and day.crossed is not None:
                    (sale,) = [one for one in await self._rows(day) if one["transaction_type"] == "SELL"]
                    late = sale["received_at"] - day.crossed.result()
                found.append(Sent(row["sent_at"].timestamp(), _leg(row["leg"], day), late))
        return found

    async def _orders(self, day: Begun) -> Sequence[Any]:
        database = await connected(self.site.product.endpoints["postgres"])
        try:
            return list(
                await database.fetch(
                    "SELECT leg, tag, due_at, sent_at FROM orders "
                    "WHERE strategy_id = $1 AND sent_at IS NOT NULL",
                    day.strategy_id,
                )
            )
        finally:
            await database.close()

    async def _rows(self, day: Begun) -> list[dict[str, Any]]:
        tags = {row["tag"] for row in await self._orders(day)}
        return [row for row in await day.user.ledger() if row["tag"] in tags]


def _leg(leg: str, day: Begun) -> str:
    if leg == "entry":
        return "buy"
    return "sell" if day.crossed is None else "stop"
