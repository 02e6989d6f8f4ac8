"""Reads the broker's books, and writes down what the order book shows of a leg."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from domain.errors import BrokerRefused, BrokerUnavailable, CacheUnavailable, LoginNeeded
from domain.failpoint import failpoint
from domain.listing import Listing
from domain.order import Attempt, BrokerOrder, BrokerPosition, Leg, LegKey, OrderStatus
from domain.ports import Broker, Brokers, OrderLog, RuntimeCache, RuntimeUpdate
from domain.stop_prices import OrderKind
from domain.strategy import Position


class OrderBooks:
    """Reads an account's order book and absorbs it into the order log."""

    def __init__(self, log: OrderLog, cache: RuntimeCache, brokers: Brokers) -> None:
        self._log = log
        self._cache = cache
        self._brokers = brokers
        self.on_fill: Callable[[LegKey], None] | None = None
        """Called when shares are filled whose stop is to rest at the exchange; returns at once."""

    async def read(self, user_id: UUID, broker: Broker) -> Listing[BrokerOrder] | None:
        """Return the order book, None when it could not be read: that is not an empty book.

        Raises `LoginNeeded`, after noting that the login is dead.
        """
        async with noting_a_dead_login(self._brokers, user_id, broker):
            return await read_order_book(broker)

    async def absorb(self, key: LegKey, attempts: Sequence[Attempt], book: Sequence[BrokerOrder]) -> bool:
        """Write what the book shows of the leg's attempts; tell whether any attempt in doubt turned up."""
        turned_up = False
        for attempt in attempts:
            for row in book:
                if attempt.tag in row.tags and is_news(attempt, row):
                    turned_up |= attempt.status is OrderStatus.SENT
                    await failpoint(f"{key.leg}.seen")
                    await self._log.saw(attempt, row)
                    await failpoint(f"{key.leg}.written")
                    self._tell_of_fill(attempt, row)
                    await self._update_cache(key, row)
        return turned_up

    def _tell_of_fill(self, attempt: Attempt, row: BrokerOrder) -> None:
        grown = row.filled_quantity > attempt.filled_quantity
        if self.on_fill is not None and attempt.protected and attempt.key.leg is Leg.ENTRY and grown:
            self.on_fill(attempt.key)

    async def _update_cache(self, key: LegKey, row: BrokerOrder) -> None:
        number = row.broker_order_id or None
        update = (
            RuntimeUpdate(position=Position.BOUGHT if row.filled_quantity else None, last_buy_order=number)
            if key.leg is Leg.ENTRY
            else RuntimeUpdate(last_sell_order=number)
        )
        try:
            await self._cache.update(key.strategy_id, update)
        except CacheUnavailable:
            return  # Redis is a cache: the run rebuilds it


def is_news(attempt: Attempt, row: BrokerOrder) -> bool:
    """Tell whether the book's row says more than is written: a price may come later than its fill."""
    return (
        (attempt.status, attempt.filled_quantity) != (row.status, row.filled_quantity)
        or row.broker_order_id not in ("", attempt.broker_order_id)
        or (bool(row.filled_quantity) and attempt.average_price is None and row.average_price is not None)
        or (attempt.limit is not None and row.price not in (None, attempt.limit.price))
        or _shows_a_change(attempt, row)
    )


def _shows_a_change(attempt: Attempt, row: BrokerOrder) -> bool:
    change = attempt.resting.change if attempt.resting is not None else None
    if change is None or change.shown:
        return False
    if change.trigger is None:
        return row.order_type in (OrderKind.MARKET, OrderKind.LIMIT)
    return row.trigger == change.trigger


@asynccontextmanager
async def noting_a_dead_login(brokers: Brokers, user_id: UUID, broker: Broker) -> AsyncIterator[None]:
    """Note that the login is dead where the broker says so, and raise `LoginNeeded` on."""
    try:
        yield
    except LoginNeeded:
        await brokers.login_died(user_id, broker)
        raise


async def read_order_book(broker: Broker) -> Listing[BrokerOrder] | None:
    """Return the order book, None when it could not be read. Raises `LoginNeeded`."""
    try:
        return await broker.orders()
    except (BrokerUnavailable, BrokerRefused):
        return None


async def read_positions(broker: Broker) -> Listing[BrokerPosition] | None:
    """Return the position book, None when it could not be read: that is not a position of zero."""
    try:
        return await broker.positions()
    except (BrokerUnavailable, BrokerRefused, LoginNeeded):
        return None


async def cancel(broker: Broker, broker_order_id: str) -> bool:
    """Ask the broker to cancel an order; False when it did not take the request.

    A refusal is also what "already executed" looks like: the next read of the order book tells.
    """
    if not broker_order_id:
        return False  # its row does not say it: the next read may
    try:
        await broker.cancel(broker_order_id)
    except (BrokerUnavailable, BrokerRefused, LoginNeeded):
        return False
    return True
