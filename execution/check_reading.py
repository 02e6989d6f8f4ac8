"""Reads at the broker what a user asks before a START: the last price, an order's margin, what is free."""

import asyncio
from contextlib import suppress
from decimal import Decimal

from domain.entry_order import EntryOrder, entry_order
from domain.errors import (
    BrokerNotConnected,
    BrokerRefused,
    BrokerUnavailable,
    LoginNeeded,
    SecretUnreadable,
    StopwatchError,
    Unavailable,
)
from domain.margin import MarginOrder
from domain.order import Side
from domain.ports import Broker, Brokers
from domain.strategy import Strategy
from domain.strategy_check import CheckRequest, CheckResult
from execution.order_book import noting_a_dead_login
from execution.task_end import ended

READ_WITHIN = 2.0
"""Seconds for all questions together; what has not come by then is not known."""
TRIES = 2
"""Questions for a price: one that came in the same second as another process's is refused (one a second)."""
LATE = "Zerodha did not answer in time"


class CheckReading:
    """Asks one account; every way that can fail leaves something unknown, and nothing raises."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers

    async def read(self, request: CheckRequest) -> CheckResult:
        """Return what the broker said within `READ_WITHIN` seconds."""
        price = asyncio.ensure_future(self._price(request))
        margin = asyncio.ensure_future(self._margin(request, price))
        try:
            await asyncio.wait({price, margin}, timeout=READ_WITHIN)
            found = margin.result() if margin.done() else CheckResult(problem=LATE)
            known = price.result() if price.done() else None
        finally:
            await ended([margin, price])
        return CheckResult(known, found.required, found.available, found.problem)

    async def _price(self, request: CheckRequest) -> Decimal | None:
        if request.last_price is not None:
            return request.last_price
        for _ in range(TRIES):
            with suppress(BrokerUnavailable):
                return await self._quoted(request.strategy)
        return None

    async def _quoted(self, strategy: Strategy) -> Decimal | None:
        try:
            broker = await self._brokers.of(strategy.user_id, "")
            quote = (await broker.quotes([strategy.instrument])).get(strategy.instrument)
        except BrokerUnavailable:
            raise
        except StopwatchError:
            return None
        return None if quote is None else quote.last_price

    async def _margin(self, request: CheckRequest, price: "asyncio.Future[Decimal | None]") -> CheckResult:
        user_id = request.strategy.user_id
        try:
            broker = await self._brokers.of(user_id, "")
            async with noting_a_dead_login(self._brokers, user_id, broker):
                available = await broker.margins()
                order = await self._order(request, price)
                required = await self._required(broker, request.strategy, order)
        except LoginNeeded:
            return CheckResult(problem="the login at Zerodha has ended")
        except BrokerRefused as refused:
            return CheckResult(problem=f"Zerodha refused the question ({refused})")
        except (BrokerNotConnected, SecretUnreadable):
            return CheckResult(problem="the broker account must be connected again")
        except BrokerUnavailable:
            return CheckResult(problem="Zerodha did not answer, or not readably")
        except Unavailable:
            return CheckResult(problem="the login could not be read")
        if required is None:
            why = order.problem or "how many shares it would be is not known"
            return CheckResult(available=available, problem=why)
        return CheckResult(required=required, available=available)

    async def _order(self, request: CheckRequest, price: "asyncio.Future[Decimal | None]") -> EntryOrder:
        """Return the order; the last price is waited for only where the order depends on it."""
        known = entry_order(request.strategy, request.last_price, request.tick, request.lot)
        has_its_limit = request.strategy.terms.entry is None or known.price is not None
        if known.shares is not None and has_its_limit:
            return known
        return entry_order(request.strategy, await asyncio.shield(price), request.tick, request.lot)

    async def _required(self, broker: Broker, strategy: Strategy, order: EntryOrder) -> Decimal | None:
        if not order.shares:
            return None
        asked = MarginOrder(
            strategy.exchange, strategy.symbol, strategy.product, Side.BUY, order.shares, order.price
        )
        (required,) = await broker.order_margins([asked])
        return required
