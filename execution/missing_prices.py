"""Reads filled orders again whose price the broker had not stated: an order may be COMPLETE before its price.

The order may be over, its run ended and its strategy stopped: nothing else reads that row again, and without
its price neither the profit nor the loss of the day is known.
"""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from domain.errors import BrokerNotConnected, BrokerRefused, LoginNeeded, Unavailable
from domain.ports import Brokers, OrderLog
from domain.reconciler import UnpricedOrder
from execution.order_book import is_news

NO_PRICE_YET = "filled; the broker has not stated the price yet"


class MissingPrices:
    """Reads the books of accounts with an unpriced fill, once for each account; sends nothing."""

    def __init__(self, log: OrderLog, brokers: Brokers) -> None:
        self._log = log
        self._brokers = brokers

    async def look_for(self, unpriced: Sequence[UnpricedOrder], away: list[str]) -> list[UUID]:
        """Write the prices that are known now; return their strategies, note in `away` who did not answer."""
        by_account: dict[tuple[UUID, str], list[UnpricedOrder]] = defaultdict(list)
        for order in unpriced:
            by_account[order.attempt.key.user_id, order.terms.account].append(order)
        priced: list[UUID] = []
        for (user_id, account), orders in by_account.items():
            try:
                priced += await self._look_in_book(user_id, account, orders)
            except (Unavailable, LoginNeeded, BrokerNotConnected, BrokerRefused):
                away.append(f"broker of {user_id}")
        return priced

    async def _look_in_book(self, user_id: UUID, account: str, orders: Sequence[UnpricedOrder]) -> list[UUID]:
        book = await (await self._brokers.of(user_id, account)).orders()
        priced: list[UUID] = []
        for order in orders:
            attempt = order.attempt
            for row in book:
                # A row that says something else by now about an order that is over is not this fill's.
                if attempt.tag in row.tags and row.status is attempt.status and is_news(attempt, row):
                    attempt = await self._log.saw(attempt, row)
            if attempt.average_price is not None:
                priced.append(attempt.key.strategy_id)
            else:
                await self._log.looked_up(attempt, NO_PRICE_YET)
        return priced
