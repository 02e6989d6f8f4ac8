"""Looks whether an account is short of shares that are to be bought again.

A round is sold by one reading of the account, and a sale by hand may pass between that and the order: then
more was sold than the account had. To buy again would close that short position with the strategy's own
purchase, and its stop would watch shares that are not there.
"""

import asyncio
from datetime import datetime

from domain.errors import BrokerRefused, LoginNeeded, StoreUnavailable, Unavailable
from domain.order import OrderTerms
from domain.ports import Broker, Brokers, Clock
from domain.run import EnterOrder
from domain.sellable import net_position
from domain.strategy import Product
from execution.execution_rules import RETRY_EVERY
from execution.order_book import noting_a_dead_login


class FlatCheck:
    """Reads the account before each purchase that follows a round."""

    def __init__(self, brokers: Brokers, clock: Clock) -> None:
        self._brokers = brokers
        self._clock = clock

    async def refusal(
        self, order: EnterOrder, account: Broker, latest: datetime, halt: asyncio.Event
    ) -> str | None:
        """Say why nothing is bought again; None where the account is not short. Asks until `latest`."""
        if not order.again:
            return None
        while True:
            short = await self._short(order, account)
            if short is not None:
                return _words(order.terms, short) if short else None
            if halt.is_set() or self._clock.now() >= latest:
                return f"the account could not be read, so {order.terms.symbol} is not bought again"
            await self._clock.sleep(RETRY_EVERY)

    async def _short(self, order: EnterOrder, account: Broker) -> int | None:
        """Return of how many shares the account is short; None where it cannot be read."""
        try:
            async with noting_a_dead_login(self._brokers, order.key.user_id, account):
                return await _short_of(order.terms, account)
        except StoreUnavailable:
            raise
        except (Unavailable, BrokerRefused, LoginNeeded):
            return None


async def _short_of(terms: OrderTerms, account: Broker) -> int | None:
    net = net_position(await account.positions(), terms)
    if net is None or net >= 0 or terms.product is not Product.CNC:
        return None if net is None else max(0, -net)
    # What was sold of shares from before today is a negative position, and no short.
    return max(0, -net - await account.holdings(terms.exchange, terms.symbol))


def _words(terms: OrderTerms, short: int) -> str:
    return (
        f"the account is short of {short} {terms.symbol} ({terms.product.value}): more was sold than it had, "
        "by hand at the same moment. Nothing is bought again; buy them back at the broker, unless the short "
        "position is meant"
    )
