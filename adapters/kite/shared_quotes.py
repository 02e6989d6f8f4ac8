"""Paces one account's quote calls over all processes: one asks, the others reuse its answer."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Any
from uuid import UUID

from adapters.kite.paced_quotes import AskWithin, Quotes
from domain.errors import StoreUnavailable
from domain.ports import Clock, QuoteTurns
from domain.quote import Quote
from domain.quote_turns import HELD_FOR, LEAVES_WITHIN, SHARED_FOR, Asker, Told, Turn

AT_ONCE = 500
"""Instruments in one call of `/quote`: a second call would be a second question."""
LOOK_EVERY = 0.02
"""Seconds between two looks whether the one who asks has heard: an answer takes about so long."""
LOOK_SELDOM = 0.1
SELDOM_AFTER = 0.5
"""The same once an answer is late: a broker that hangs is waited for without haste."""
LEAVES = LEAVES_WITHIN.total_seconds()
HELD = HELD_FOR.total_seconds()
FRESH = SHARED_FOR.total_seconds()


def asker(user_id: UUID, api_key: str, access_token: str) -> Asker:
    """Return the marks of a login: the same in every process, and useless to a reader."""
    return Asker(user_id, _mark(api_key), _mark(f"{api_key}:{access_token}"))


def shared(turns: QuoteTurns, of: Asker) -> Callable[[AskWithin, Clock], Quotes]:
    """Return the pacing of an account's quote calls by these turns."""
    return lambda ask, clock: SharedQuotes(ask, clock, turns, of)


class SharedQuotes:
    """Answers from the account's last call by any process, while it is under a second old."""

    def __init__(self, ask: AskWithin, clock: Clock, turns: QuoteTurns, of: Asker) -> None:
        self._ask = ask
        self._clock = clock
        self._turns = turns
        self._asker = of
        self._one = asyncio.Lock()
        self._wanted: set[str] = set()
        self._heard: Mapping[str, Quote | None] = {}
        self._heard_at = float("-inf")
        self._held_until = float("-inf")
        self._tasks: set[asyncio.Task[None]] = set()

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        """Return quotes by name; a failed call raises for its caller alone. Raises `StoreUnavailable`."""
        wanted = frozenset(instruments)
        if not self._covers(wanted):
            self._wanted |= wanted
            async with self._one:  # the others of this process wait for what it hears
                await self._until_heard(wanted)
        return {name: quote for name in wanted if (quote := self._heard.get(name)) is not None}

    async def _until_heard(self, wanted: frozenset[str]) -> None:
        began = self._clock.monotonic()
        while not self._covers(wanted):
            asked_at = self._clock.monotonic()
            if asked_at < self._held_until:
                found: Turn | Told = await self._turns.look(self._asker)
            else:
                found = await self._turns.take(self._asker)
            if isinstance(found, Turn):
                await self._ask_for(found, asked_at, wanted)
                continue
            self._held_until = asked_at + found.left
            self._take_over(found, asked_at)
            if not self._covers(wanted):
                late = self._clock.monotonic() - began > SELDOM_AFTER
                await self._clock.sleep(LOOK_SELDOM if late else LOOK_EVERY)

    async def _ask_for(self, turn: Turn, asked_at: float, wanted: frozenset[str]) -> None:
        """Ask, and wait as long as the turn lasts; a later answer still counts, though others may ask then.

        The call is a task: it continues for the others when the entry that started it is cancelled.
        """
        left = asked_at + LEAVES - self._clock.monotonic()
        if left <= 0:
            return  # this process stood still: the turn may be another's before the question is there
        names = list(dict.fromkeys((*wanted, *self._wanted, *turn.needed)))[:AT_ONCE]
        call = self._beside(self._call(turn, names, left))
        await asyncio.wait({call}, timeout=HELD)
        if call.done():
            call.result()

    async def _call(self, turn: Turn, names: list[str], left: float) -> None:
        began = self._clock.monotonic()
        heard: Mapping[str, Quote] = {}
        try:
            heard = await self._ask(names, left)
            self._heard, self._heard_at = {name: heard.get(name) for name in names}, self._clock.monotonic()
            self._wanted.difference_update(names)
        finally:
            after = self._clock.monotonic() - began
            self._beside(self._give_back(turn, after, heard))

    async def _give_back(self, turn: Turn, heard_after: float, heard: Mapping[str, Quote]) -> None:
        with suppress(StoreUnavailable):  # it ends by itself
            await self._turns.give_back(turn, heard_after, heard)

    def _beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # an answer that came after its turn, unused

    def _take_over(self, told: Told, asked_at: float) -> None:
        if told.prices is not None and asked_at - told.age > self._heard_at:
            self._heard, self._heard_at = told.prices, asked_at - told.age

    def _covers(self, wanted: frozenset[str]) -> bool:
        return wanted <= self._heard.keys() and self._clock.monotonic() - self._heard_at < FRESH


def _mark(words: str) -> str:
    return sha256(words.encode()).hexdigest()[:32]
