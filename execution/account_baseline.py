"""Reads, before a purchase, how many of the shares in the account are the user's own.

They are never sold by the run (`domain.sellable`). The reading is done while an entry waits for its instant,
and holds nothing up: an account that cannot be read by then leaves the baseline unknown.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import StopwatchError
from domain.order import OrderTerms
from domain.ports import Broker, Brokers, Clock, OrderLog
from domain.run import EnterOrder
from domain.sellable import Account, OtherClaims, net_position
from domain.strategy import Product
from execution.order_book import noting_a_dead_login

RETRY_EVERY = 2.0
"""Seconds between two readings of an account that could not be read, or that an order is about to change."""

log = logging.getLogger("baseline")


class AccountBaselines:
    """Stores the baseline of entries that wait for their instant."""

    def __init__(self, orders: OrderLog, brokers: Brokers, clock: Clock) -> None:
        self._orders = orders
        self._brokers = brokers
        self._clock = clock

    @contextmanager
    def being_read(self, order: EnterOrder) -> Iterator[None]:
        """Read the baseline while the context is open. It must close before the entry is claimed."""
        reading = asyncio.ensure_future(self._until_noted(order))
        try:
            yield
        finally:
            if not reading.done():
                log.info("the account was not read before %s: its baseline is unknown", order.key)
            reading.cancel()

    async def _until_noted(self, order: EnterOrder) -> None:
        while not await self._is_noted(order):
            await self._clock.sleep(RETRY_EVERY)

    async def _is_noted(self, order: EnterOrder) -> bool:
        """Read once, and store what was found; tell whether the baseline is known now."""
        try:
            claims = await self._orders.other_claims(order.key)
            if claims.baseline is not None:
                return True
            broker = await self._brokers.of(order.key.user_id, order.terms.account)
            async with noting_a_dead_login(self._brokers, order.key.user_id, broker):
                account = await _read(broker, order.terms, claims)
            # An order of another strategy in between would make the two readings disagree.
            if account is None or claims.in_flight or await self._orders.other_claims(order.key) != claims:
                return False
            await self._orders.note_baseline(order.key, account.own_before())
        except StopwatchError as unread:
            log.info("the account could not be read before %s: %s", order.key, unread)
            return False
        return True


async def _read(broker: Broker, terms: OrderTerms, claims: OtherClaims) -> Account | None:
    """Return what the account shows of a symbol and product; None where a row of it is unreadable."""
    net = net_position(await broker.positions(), terms)
    if net is None:
        return None
    is_delivery = terms.product is Product.CNC
    return Account(net, await broker.holdings(terms.exchange, terms.symbol) if is_delivery else 0, claims)
