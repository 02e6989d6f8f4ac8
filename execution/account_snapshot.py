"""Reads the account before a sale, so that no more is sold than is still there.

Rules are in `domain.sellable`; this asks the broker and the order log for what they need.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from domain.errors import BrokerRefused, BrokerUnavailable, StopwatchError
from domain.order import Reason
from domain.ports import Broker, Brokers, Clock, OrderLog
from domain.sellable import Account, books_agree, net_position
from domain.strategy import Product
from execution.order_book import noting_a_dead_login
from execution.order_intent import OrderIntent

LOOK_EVERY = 0.5
"""Seconds between two readings of an account that does not cover a sale, or could not be read."""
STOP_WAITS_CLAIMED = 1.5
"""Seconds a stop-loss waits for the account beside its claim, which lasts two."""
LOOK_SOON = 0.1


class NotCovered(StopwatchError):
    """The account shows fewer shares than a sale asks for, or could not be read."""


class AccountSnapshots:
    """Says how many shares an exit may sell, by one reading of the broker's books and the order log."""

    def __init__(self, log: OrderLog, brokers: Brokers, clock: Clock) -> None:
        self._log = log
        self._brokers = brokers
        self._clock = clock

    async def sellable(
        self, intent: OrderIntent, unsold: int, broker: Broker, halt: asyncio.Event
    ) -> int | None:
        """Return how many of `unsold` shares are still there; 0: they are gone. None: halted first.

        Looks again while the books may be about to change, or cannot be read, for `intent.patience` seconds
        at the most; then an account that could not be read covers everything. Raises `LoginNeeded`,
        `StoreUnavailable`.
        """
        began, last = self._clock.monotonic(), None
        while not halt.is_set():
            left = None if intent.patience is None else began + intent.patience - self._clock.monotonic()
            account = await self._read(intent, unsold, broker, left)
            over = left is not None and left <= LOOK_EVERY
            if account is None and over:
                return unsold
            found = account.sellable(unsold) if account else None
            if found == unsold or (over and found):
                return found
            settled = account is not None and await self._is_settled(intent, broker, account)
            if settled and last == found:
                return found
            last = found if settled else None
            await self._clock.sleep(LOOK_EVERY)
        return None

    async def ensure_covered(self, intent: OrderIntent, broker: Broker) -> None:
        """Read the account for a sale whose claim is running. Raises `NotCovered` unless it shows all of it.

        A stop-loss whose account cannot be read within `STOP_WAITS_CLAIMED` seconds counts as covered.
        """
        until = self._clock.monotonic() + STOP_WAITS_CLAIMED
        is_stop = intent.reason is Reason.STOPLOSS
        while True:
            left = until - self._clock.monotonic() if is_stop else None
            account = await self._read(intent, intent.wanted, broker, left)
            if account is not None:
                return _require_all(account.sellable(intent.wanted), intent.wanted)
            if not is_stop:
                raise NotCovered("the position at the broker could not be read; it is read again")
            if self._clock.monotonic() + LOOK_SOON >= until:
                return None
            await self._clock.sleep(LOOK_SOON)

    async def _read(
        self, intent: OrderIntent, unsold: int, broker: Broker, seconds: float | None
    ) -> Account | None:
        """Return the account as it is now, None when it could not be read."""
        try:
            async with self._noting(intent, broker), asyncio.timeout(seconds):
                return await self._account(intent, unsold, broker)
        except (BrokerUnavailable, BrokerRefused, TimeoutError):
            return None

    async def _account(self, intent: OrderIntent, unsold: int, broker: Broker) -> Account | None:
        claims = await self._log.other_claims(intent.key)
        net = net_position(await broker.positions(), intent.terms)
        if net is None:
            return None
        account = Account(net, 0, claims)
        if intent.terms.product is not Product.CNC or account.sellable(unsold) == unsold:
            return account
        held_before = await broker.holdings(intent.terms.exchange, intent.terms.symbol)
        return replace(account, holdings=held_before)

    async def _is_settled(self, intent: OrderIntent, broker: Broker, account: Account) -> bool:
        """Tell whether nothing is on its way that would make the books show more, or less, in a moment."""
        if account.claims.in_flight:
            return False
        try:
            async with self._noting(intent, broker):
                book, positions = await broker.orders(), await broker.positions()
        except (BrokerUnavailable, BrokerRefused):
            return False
        same = net_position(positions, intent.terms) == account.net
        return same and books_agree(book, positions, intent.terms)

    def _noting(self, intent: OrderIntent, broker: Broker) -> AbstractAsyncContextManager[None]:
        return noting_a_dead_login(self._brokers, intent.key.user_id, broker)


def _require_all(found: int, wanted: int) -> None:
    if found < wanted:
        raise NotCovered(f"the account shows {found} of the {wanted} that were bought; it is read again")
