"""Looks on the morning whether the funds of each account cover its purchases of the day."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from uuid import UUID

from domain.entry_order import entry_order
from domain.errors import StopwatchError
from domain.margin import Margin, MarginOrder
from domain.operator_alerts import FundsShort
from domain.order import Side
from domain.ports import Broker, Brokers
from domain.quote import Quote
from domain.run import StartRun
from execution.order_book import noting_a_dead_login

AT_ONCE = 20
"""Accounts that are asked at the same time."""
ONE_WITHIN, ALL_WITHIN = 5.0, 30.0
"""Seconds for one account and for all: the next look, half an hour later, has another try."""
Account = tuple[UUID, str]


class MorningFunds:
    """Asks the broker; an account that cannot be read is left to the alarm about its login."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers

    async def short(self, entries: Sequence[StartRun]) -> list[FundsShort]:
        """Return the accounts in which money is missing for what is bought today, soonest purchase first."""
        accounts: defaultdict[Account, list[StartRun]] = defaultdict(list)
        for start in sorted(entries, key=lambda one: one.plan.buy_at):
            accounts[start.strategy.user_id, start.account].append(start)
        turns = asyncio.Semaphore(AT_ONCE)
        found: list[FundsShort] = []

        async def look(account: Account) -> None:
            async with turns:
                margin = await self._margin(account, accounts[account])
            if margin is not None and margin.short:
                found.append(FundsShort(account[0], tuple(accounts[account]), margin))

        with suppress(TimeoutError):
            async with asyncio.timeout(ALL_WITHIN), asyncio.TaskGroup() as looks:
                for account in accounts:
                    looks.create_task(look(account))
        return sorted(found, key=lambda one: one.entries[0].plan.buy_at)

    async def _margin(self, account: Account, starts: Sequence[StartRun]) -> Margin | None:
        """Return what the day's purchases need together and what is free; None: it is not known."""
        user_id, name = account
        with suppress(StopwatchError, TimeoutError):
            async with asyncio.timeout(ONE_WITHIN):
                broker = await self._brokers.of(user_id, name)
                async with noting_a_dead_login(self._brokers, user_id, broker):
                    free = await broker.margins()
                    orders = await self._orders(broker, starts)
                    needed = await broker.order_margins(orders) if orders else ()
                return Margin(sum(needed, Decimal(0)), free)
        return None

    async def _orders(self, broker: Broker, starts: Sequence[StartRun]) -> list[MarginOrder]:
        prices = await broker.quotes(sorted({start.strategy.instrument for start in starts}))
        orders = (_order(start, prices.get(start.strategy.instrument)) for start in starts)
        return [order for order in orders if order is not None]


def _order(start: StartRun, quote: Quote | None) -> MarginOrder | None:
    """Return the order that would be sent at this price; None where nothing would be, or it is not known."""
    strategy = start.strategy
    found = entry_order(strategy, quote.last_price if quote else None, start.plan.tick, start.plan.lot)
    if not found.shares:
        return None
    return MarginOrder(
        strategy.exchange, strategy.symbol, strategy.product, Side.BUY, found.shares, found.price
    )
