"""Broker orders missing from the order log: sales sent without the store by a run that has ended."""

from collections.abc import Sequence
from datetime import datetime

from domain.leg import Horizons, sales_are_explained
from domain.listing import Listing
from domain.order import BrokerOrder, OrderStatus
from domain.ports import Broker, Clock, OrderLog
from execution.follower import LOOK_EVERY
from execution.order_book import OrderBooks, read_positions
from execution.order_intent import OrderIntent

SHOWN_AFTER = 3.0
"""Seconds a worker whose run was ended gets to hear of it, and what it has just sent to be in the book."""


class UntrackedOrders:
    """Finds them by their tags, which follow from the leg alone, and writes them down."""

    def __init__(self, log: OrderLog, books: OrderBooks, clock: Clock, horizons: Horizons) -> None:
        self._log = log
        self._books = books
        self._clock = clock
        self._horizons = horizons

    async def adopt(self, intent: OrderIntent, broker: Broker) -> None:
        """Write down what the leg has sold without its log; send nothing. Raises `LoginNeeded`.

        A run that sells while the store is away knows it by its history. Ended from outside it takes that
        with it, and the run that takes over would sell again (found by the chaos run). Waits, as long as for
        an exit in doubt, until the position book holds no sale that the order book does not show; and without
        end for an order book of which every row of the symbol can be read: the sale may be in the other.
        """
        await self._clock.sleep(SHOWN_AFTER)
        until = self._clock.now() + self._horizons.exit_resend
        while True:
            book = await self._books.read(intent.key.user_id, broker)
            if book is not None:
                await self._write(intent, book)
                if await self._nothing_is_hidden(intent, book, broker, until):
                    return
            await self._clock.sleep(LOOK_EVERY)

    async def _write(self, intent: OrderIntent, book: Sequence[BrokerOrder]) -> None:
        # One that is planned here and shown there was written by a worker that died before it followed it.
        attempts = await self._log.leg(intent.key)
        sent = {attempt.tag for attempt in attempts if attempt.status is not OrderStatus.PLANNED}
        numbers = {tag: number for tag, number in intent.key.numbers().items() if tag not in sent}
        for row in book:
            for tag in row.tags & numbers.keys():
                found = await self._log.plan(intent.key, intent.terms, numbers[tag], intent.due_at)
                await self._log.saw(found, row)

    async def _nothing_is_hidden(
        self, intent: OrderIntent, book: Listing[BrokerOrder], broker: Broker, until: datetime
    ) -> bool:
        if not book.covers(intent.terms.symbol):
            return False
        if self._clock.now() >= until:
            return True
        positions = await read_positions(broker)
        return positions is not None and sales_are_explained(book, positions, intent.terms)
