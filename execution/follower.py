"""Looks up what was sent and follows it, by the broker's order book."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from domain.errors import LoginNeeded
from domain.listing import Listing
from domain.order import FINAL, Attempt, BrokerOrder, OrderStatus
from domain.ports import Clock, OrderLog
from execution.halting import pause
from execution.order_book import OrderBooks, cancel
from execution.policy import Policy

LOOKS_A_SECOND = 250
"""Order books one process reads at the most, while it follows many orders at once."""
LOOK_EVERY = 1.0
"""Seconds between two reads of the order book; Kite allows ten calls a second for everything but orders."""
LOOK_FIRST = 0.15
"""The same in the first second, in which most market orders are filled."""
AFTER_CANCEL = 0.2
AFTER_FAILED_CANCEL = 1.0
UNREAD = "not among the rows of the order book that could be read; some of its symbol could not"


@dataclass(eq=False)
class Following:
    """One execution's patience: from its first look on, until its halt or the end of its fill time."""

    halt: asyncio.Event
    since: float = 0.0
    until: float | None = None


class OrderFollower:
    """Makes one step of looking up or following at a time. One for a process, which it paces."""

    def __init__(self, log: OrderLog, books: OrderBooks, clock: Clock) -> None:
        self._log = log
        self._books = books
        self._clock = clock
        self._followed: set[Following] = set()

    @contextmanager
    def following(self, halt: asyncio.Event) -> Iterator[Following]:
        """Count an execution among those that are followed, from its first look on."""
        following = Following(halt)
        try:
            yield following
        finally:
            self._followed.discard(following)

    async def look_up(self, policy: Policy, attempts: Sequence[Attempt], following: Following) -> None:
        """Look for the attempts in doubt in the order book, once."""
        self._begin(policy, attempts, following)
        key = policy.intent.key
        book = await self._books.read(key.user_id, await policy.login.account())
        if book is not None:
            if await self._books.absorb(key, attempts, book):
                return
            await self._nothing_found(policy, attempts, book)
        await self._clock.sleep(LOOK_EVERY)

    async def follow(
        self, policy: Policy, attempt: Attempt, attempts: Sequence[Attempt], following: Following
    ) -> None:
        """Read the order book once, and cancel the attempt where it rests too long or was halted."""
        until = self._begin(policy, attempts, following)
        broker = await policy.login.account()
        if not following.halt.is_set():
            attempts = await policy.before_look(attempts, broker, following.halt)
        book = await self._books.read(policy.intent.key.user_id, broker)
        if book is not None:
            await self._books.absorb(policy.intent.key, attempts, book)
            row = next((row for row in book if attempt.tag in row.tags), None)
            if row is None or row.status in FINAL:
                # What is over needs no wait; what vanished from the book is asked for again.
                await self._clock.sleep(0 if row else LOOK_EVERY)
                return
            if not following.halt.is_set() and self._clock.monotonic() < until:
                await policy.resting(attempt, book, broker, following.halt)
        if attempt.broker_order_id and (following.halt.is_set() or self._clock.monotonic() >= until):
            if not await cancel(broker, attempt.broker_order_id):
                await self._clock.sleep(AFTER_FAILED_CANCEL)
            await self._clock.sleep(AFTER_CANCEL)
            return
        await pause(self._clock, self._until_next_look(following, until), following.halt)

    async def count_late(self, policy: Policy, attempts: Sequence[Attempt]) -> None:
        """Count attempts that were given up and were orders after all, before another one is sent.

        Else an exit that the broker took late is sold again and again, each time refused for want of shares.
        """
        while True:
            try:
                book = await self._books.read(policy.intent.key.user_id, await policy.login.account())
            except LoginNeeded:
                await policy.login.renew()
                continue
            if book is not None:
                await self._books.absorb(policy.intent.key, attempts, book)
            return

    async def _nothing_found(
        self, policy: Policy, attempts: Sequence[Attempt], book: Listing[BrokerOrder]
    ) -> None:
        unknown = [attempt for attempt in attempts if attempt.status is OrderStatus.SENT]
        read = book.covers(policy.intent.terms.symbol)
        for attempt in unknown:
            await self._log.looked_up(attempt, "not in the order book yet" if read else UNREAD)
        await policy.not_in_book(unknown, attempts, book)

    def _begin(self, policy: Policy, attempts: Sequence[Attempt], following: Following) -> float:
        """Return until when an open order may rest, by the monotonic clock."""
        self._followed.add(following)
        if following.until is None:
            following.since = self._clock.monotonic()
            following.until = following.since + policy.fill_seconds(attempts)
        return following.until

    def _until_next_look(self, following: Following, until: float) -> float:
        now = self._clock.monotonic()
        wait = LOOK_FIRST if now - following.since < 1 else min(LOOK_EVERY, max(0.05, until - now))
        return max(wait, len(self._followed) / LOOKS_A_SECOND)
