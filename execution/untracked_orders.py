"""Sales that the broker has and the log does not know: sent without the store by a run that is no more."""

from collections.abc import Sequence
from datetime import datetime

from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.leg import Horizons, sales_are_explained
from domain.listing import Listing
from domain.order import BrokerOrder, OrderStatus
from domain.ports import Broker, Brokers, Clock, OrderLog
from execution.order_intent import OrderIntent

SHOWN_AFTER = 3.0
"""Seconds a worker whose run was ended gets to hear of it, and what it has just sent to be in the book."""
LOOK_EVERY = 1.0


class UntrackedOrders:
    """Finds them by their tags, which follow from the leg alone, and writes them down."""

    def __init__(self, log: OrderLog, brokers: Brokers, clock: Clock, horizons: Horizons) -> None:
        self._log = log
        self._brokers = brokers
        self._clock = clock
        self._horizons = horizons

    async def own(self, intent: OrderIntent, broker: Broker) -> None:
        """Write down what the leg has sold without its log; sends nothing. Raises `LoginNeeded`.

        A run that sells while the store is away knows it by its history. Ended from outside it takes that
        with it, and whoever takes over would sell again (found by the chaos run). Waits, as long as for an
        exit in doubt, until the position book holds no sale that the order book does not show; and without
        end for an order book of which every row of the symbol can be read: the sale may be in the other.
        """
        await self._clock.sleep(SHOWN_AFTER)
        until = self._clock.now() + self._horizons.exit_resend
        while True:
            book = await self._book(intent, broker)
            if book is not None:
                await self._write(intent, book)
                if await self._nothing_is_hidden(intent, book, broker, until):
                    return
            await self._clock.sleep(LOOK_EVERY)

    async def _write(self, intent: OrderIntent, book: Sequence[BrokerOrder]) -> None:
        # One that is planned here and shown there was written by somebody who died before he had seen to it.
        attempts = await self._log.leg(intent.key)
        sent = {attempt.tag for attempt in attempts if attempt.status is not OrderStatus.PLANNED}
        numbers = {tag: number for tag, number in intent.key.numbers().items() if tag not in sent}
        for row in book:
            for tag in row.tags & numbers.keys():
                stray = await self._log.plan(intent.key, intent.terms, numbers[tag], intent.due_at)
                await self._log.saw(stray, row)

    async def _nothing_is_hidden(
        self, intent: OrderIntent, book: Listing[BrokerOrder], broker: Broker, until: datetime
    ) -> bool:
        if not book.covers(intent.terms.symbol):
            return False
        return self._clock.now() >= until or await self._explained(intent, book, broker)

    async def _book(self, intent: OrderIntent, broker: Broker) -> Listing[BrokerOrder] | None:
        try:
            return await broker.orders()
        except LoginNeeded:
            await self._brokers.login_died(intent.key.user_id, broker)
            raise
        except (BrokerUnavailable, BrokerRefused):
            return None

    async def _explained(self, intent: OrderIntent, book: Listing[BrokerOrder], broker: Broker) -> bool:
        try:
            return sales_are_explained(book, await broker.positions(), intent.terms)
        except (BrokerUnavailable, BrokerRefused, LoginNeeded):
            return False
