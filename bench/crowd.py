"""A thousand users who all want the same second, and whose stops one tick hits."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bench.people import STARTS_AT_ONCE, Pace, People, User, bounded
from bench.spread import Samples
from bench.stage import Stage
from tests.e2e.trader import soon

SYMBOL = "INFY"
PRICE, STOP, BELOW = 1500, 1400, 1390
"""Inside the circuit limits on both ways, so that each price acts at once."""
SELL_TIME = "23:59:59"
SLACK = 1.35
"""STARTs may take longer than those before them: the product may be just up."""
AHEAD = 20.0
"""Seconds between the last START and the second: every run has gone to sleep, and wakes as on any day."""
SENT_WITHIN = 8.0
"""Seconds after the second in which an entry may still be sent (the missed rule's 5), and a rest."""
HELD_WITHIN, SOLD_WITHIN, OVER_WITHIN = 60.0, 40.0, 60.0
SIGNALS_WITHIN = 100.0
"""By their signals alone a thousand sales take the better part of a minute; the last ones are the figure."""
LENGTH = 300.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Herd:
    """Started strategies, one a user, all due at one instant."""

    due: datetime
    strategies: dict[str, str]
    """By the broker's user id."""
    ahead: float
    """Seconds between the last START's answer and the instant."""


class Crowd:
    """The same users, round after round, on one product."""

    def __init__(
        self,
        stage: Stage,
        people: People,
        users: Sequence[User],
        pace: Pace,
        tell: Tell,
        lasts: float | None = None,
        **terms: object,
    ) -> None:
        """`lasts`: seconds from purchase to sale, without it the rest of the day; `terms`: of each."""
        self._lasts = lasts
        self._terms = terms
        self._stage = stage
        self._people = people
        self._users = users
        self._tell = tell
        self._pace = pace

    async def gather(self) -> Herd:
        """Create and start a strategy of every user; all buy in the same second."""
        await self._people.price(SYMBOL, PRICE)
        due = await soon(AHEAD + len(self._users) * self._pace.seconds_each * SLACK, LENGTH)
        self._tell(f"{len(self._users)} STARTs, due at {due:%H:%M:%S}")
        async with self._pace.of(len(self._users)):
            started = await bounded(STARTS_AT_ONCE, [partial(self._start, user, due) for user in self._users])
        herd = Herd(due, dict(started), due.timestamp() - time.time())
        if herd.ahead < 0:
            raise RuntimeError(f"the STARTs took {-herd.ahead:.0f} s too long")
        return herd

    async def enter(self, herd: Herd, two_seconds_before: Callable[[], Any] | None = None) -> Samples:
        """Wait the second out; return each entry's lateness at the exchange in ms, None where none came."""
        due = herd.due.timestamp()
        if two_seconds_before is not None:
            await asyncio.sleep(due - 2 - time.time())
            two_seconds_before()
        await asyncio.sleep(max(0, due + SENT_WITHIN - time.time()))
        received = await self._received("BUY", due - AHEAD)
        return [after(received.get(user), due) for user in herd.strategies]

    async def fall(self, herd: Herd, until_over: bool = True, within: float = SOLD_WITHIN) -> Samples:
        """Let one tick hit every stop; return ms from tick to SELL of each position, None where none came.

        Only what was bought is counted. `until_over` waits until every day has ended as well.
        """
        bought = await self._received("BUY", herd.due.timestamp() - AHEAD)
        ids = [strategy_id for user, strategy_id in herd.strategies.items() if user in bought]
        self._tell(f"{len(ids)} positions held; waiting for quiet")
        if not await self._stage.until(lambda: self._all(ids, phase="holding"), HELD_WITHIN):
            self._tell(f"not all of them are held after {HELD_WITHIN:g} s; going on")
        await self._stage.quiet()
        tick_at = tick_of(await self._people.price(SYMBOL, BELOW))
        sold: dict[str, float] = {}
        until = time.monotonic() + within
        while len(sold) < len(bought) and time.monotonic() < until:
            await asyncio.sleep(3)
            sold = await self._received("SELL", tick_at)
        if until_over:
            await self._stage.until(lambda: self._all(ids, status="stopped"), OVER_WITHIN)
        return [after(sold.get(user), tick_at) for user in bought]

    async def _start(self, user: User, due: datetime) -> tuple[str, str]:
        sells = SELL_TIME if self._lasts is None else f"{due + timedelta(seconds=self._lasts):%H:%M:%S}"
        made = await self._people.create(user, due, sells, symbol=SYMBOL, stop_loss=STOP, **self._terms)
        started = await self._people.start(user, made)
        if datetime.fromisoformat(started["buy_at"]) != due:
            raise RuntimeError("START came after the second it was for")
        return user.broker_user_id, made

    async def _all(self, ids: Sequence[str], **state: str) -> bool:
        return await self._stage.count(ids, **state) == len(ids)

    async def _received(self, side: str, since: float) -> dict[str, float]:
        """Return when the exchange received each user's first order of a side."""
        return first_received(await self._people.ledger(), side, since)


def first_received(ledger: Sequence[dict[str, Any]], side: str, since: float) -> dict[str, float]:
    """Return when the exchange received each user's first order of a side since then, epoch seconds."""
    found: dict[str, float] = {}
    for order in ledger:
        if order["transaction_type"] == side and order["received_at"] >= since:
            found.setdefault(order["user_id"], order["received_at"])
    return found


def after(received: float | None, due: float) -> float | None:
    """Return by how many ms something came after an instant; both epoch seconds, None stays None."""
    return None if received is None else round((received - due) * 1000, 2)


def tick_of(said: dict[str, Any]) -> float:
    """Return when a tick went to the sockets. Raises RuntimeError when no socket listens to it."""
    if said["tick_at"] is None:
        raise RuntimeError(f"no socket listens to {said['symbol']}")
    return float(said["tick_at"])
