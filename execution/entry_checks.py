"""The checks before an entry: the calendar, the instant, the price, the stop and the runtime lock."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.errors import (
    AccountNotConnected,
    BrokerNotConnected,
    BrokerRefused,
    LoginNeeded,
    StoreUnavailable,
    Unavailable,
)
from domain.failpoint import failpoint
from domain.money import price_text, tick_above, tick_below
from domain.ports import Broker, Brokers, Clock, TradingDays
from domain.quote import Quote, believable
from domain.run import Entered, EnterOrder
from domain.session import clock_text, exchange_time
from domain.strategy import Outcome
from domain.trigger import stop_at, target_at
from execution.due_orders import DueOrders, ask_ahead
from execution.entry_day import EntryDay
from execution.entry_results import missed
from execution.execution_rules import RETRY_EVERY
from execution.flat_check import FlatCheck
from execution.halting import wait_until
from execution.order_book import noting_a_dead_login
from execution.runtime_lock import RuntimeLock


@dataclass(frozen=True, slots=True)
class Cleared:
    """An entry that may be claimed now: the price it was judged by, and the account that gave it."""

    price: Decimal
    account: Broker


class EntryChecks:
    """Says whether an entry may be sent now, in the user's words where it may not."""

    def __init__(
        self, brokers: Brokers, lock: RuntimeLock, due: DueOrders, clock: Clock, days: TradingDays
    ) -> None:
        self._brokers = brokers
        self._lock = lock
        self._due = due
        self._clock = clock
        self._day = EntryDay(days, clock)
        self._flat = FlatCheck(brokers, clock)

    async def check(
        self, order: EnterOrder, latest: datetime, halt: asyncio.Event, owner: str
    ) -> Entered | Cleared | None:
        """Return the last price and the account when the entry may be claimed for `due_at`, under its lock.

        Else return why it is not sent; None when it was halted.
        """
        await failpoint("entry.holding")
        with self._due.waiting(order.due_at) as turn:
            return await self._check(order, latest, halt, owner, turn)

    async def _check(
        self, order: EnterOrder, latest: datetime, halt: asyncio.Event, owner: str, turn: int
    ) -> Entered | Cleared | None:
        if (closed := await self._day.closed(order)) is not None:
            return closed  # before a login is waited for: on a holiday there may be none
        if not await wait_until(self._clock, order.due_at - ask_ahead(turn), halt):
            return None
        priced = await self._price(order, latest, halt)
        if not isinstance(priced, Cleared):
            return priced
        if (reached := _reached(order, priced.price)) is not None:
            return _skipped(
                f"{order.terms.symbol} was at {price_text(priced.price)} {_when(order)}, {reached}"
            )
        if (short := await self._flat.refusal(order, priced.account, latest, halt)) is not None:
            return _skipped(short)
        if (refused := await self._day.refusal(order, latest, halt)) is not None:
            return None if halt.is_set() else refused
        if not await self._lock.take(order.key.strategy_id, owner, latest):
            return Entered(0, outcome=Outcome.MISSED, detail="Redis did not answer until it was too late")
        await self._due.until_claim(order.due_at, halt)
        return priced

    async def _price(
        self, order: EnterOrder, latest: datetime, halt: asyncio.Event
    ) -> Entered | Cleared | None:
        """Ask until `latest` for a price that may act: a dead login or a silent broker may mend in time."""
        if self._clock.now() > latest:
            return missed(order, (), self._clock.now(), latest)
        no_price = f"no price for {order.terms.symbol} {_when(order)}"
        refusal = _skipped(no_price)
        while not halt.is_set() and self._clock.now() <= latest:
            try:
                priced = await self._ask(order)
                if priced is not None:
                    return priced
            except AccountNotConnected as other:
                refusal = Entered(0, outcome=Outcome.MISSED, detail=f"nothing was bought: {other}")
            except (LoginNeeded, BrokerNotConnected):
                refusal = Entered(0, outcome=Outcome.MISSED, detail=_no_login(order, latest))
            except StoreUnavailable:
                raise  # nothing can be claimed either: the caller waits for it
            except (Unavailable, BrokerRefused) as error:
                refusal = _skipped(f"{no_price}: {error}")
            await self._clock.sleep(RETRY_EVERY)
        return None if halt.is_set() else refusal

    async def _ask(self, order: EnterOrder) -> Cleared | None:
        account = await self._brokers.of(order.key.user_id, order.terms.account)
        async with noting_a_dead_login(self._brokers, order.key.user_id, account):
            quotes = await account.quotes([order.terms.instrument])
        quote = quotes.get(order.terms.instrument)
        return Cleared(quote.last_price, account) if quote and _is_believable(quote) else None


def _is_believable(quote: Quote) -> bool:
    return believable(quote.last_price, quote.lower_circuit, quote.upper_circuit)


def _reached(order: EnterOrder, price: Decimal) -> str | None:
    """Say which trigger is hit already; None where none is, or they are measured from the fill."""
    stop = None if order.stop_loss is None else tick_above(order.stop_loss, order.how.tick)
    target = None if order.target is None else tick_below(order.target, order.how.tick)
    if stop is not None and stop_at(stop).is_hit(price):
        return f"at or below the stop {price_text(stop)}"
    if target is not None and target_at(target).is_hit(price):
        return f"at or above the target {price_text(target)}"
    return None


def _skipped(detail: str) -> Entered:
    return Entered(0, outcome=Outcome.SKIPPED, detail=detail)


def _when(order: EnterOrder) -> str:
    return "when it was to be bought again" if order.again else "at buy time"


def _no_login(order: EnterOrder, latest: datetime) -> str:
    until = clock_text(exchange_time(latest).timetz())
    expired = f"the broker login had expired, and there was no new one by {until}"
    return f"{expired}: log in again" if order.again else f"{expired}: log in before buy time"
