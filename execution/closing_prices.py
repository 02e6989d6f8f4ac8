"""Notes the closes of series with absolute prices, and compares them with what the broker states next."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from uuid import UUID

from domain.adjusted_price import (
    NotedClose,
    PricedSeries,
    adjusted_alarm,
    is_adjusted,
    may_compare,
    may_note,
    trading_day_before,
)
from domain.errors import StopwatchError
from domain.instrument import Segment
from domain.ports import Alerts, Brokers, Clock, NotedCloses, TradingDays
from domain.quote import Quote
from domain.session import Session, exchange_time
from execution.look_loop import look_on
from execution.morning_funds import AT_ONCE
from execution.order_book import noting_a_dead_login

LOOK_EVERY = 5.0
MOST = 500
"""Series that are looked at together: an account is asked once for all its symbols."""
READ_WITHIN = 3.0
"""Seconds for one account; it has another try a minute later."""
COMPARED_WITHIN, AGAIN = 3.0, 1.1
"""Seconds that a day that is about to buy is asked for, and between two tries: a price that another process
has asked for comes without the previous close, and is a second old then."""
Account = tuple[UUID, str]

log = logging.getLogger("closes")


class ClosingPrices:
    """Reads closes by each series' own account. One that cannot be read is neither noted nor compared.

    The accounts it opens are not those that orders use.
    """

    def __init__(
        self, store: NotedCloses, brokers: Brokers, days: TradingDays, alerts: Alerts, clock: Clock
    ) -> None:
        self._store = store
        self._brokers = brokers
        self._days = days
        self._alerts = alerts
        self._clock = clock

    async def run(self) -> None:
        """Look until cancelled."""
        await look_on(self.look, self._clock, LOOK_EVERY, log)

    async def look(self) -> None:
        """Note or compare what is due now. Raises `StoreUnavailable` and `CalendarUnknown`."""
        now = self._clock.now()
        session = await self._days.look_up(exchange_time(now).date(), Segment.CASH)
        if not isinstance(session, Session):
            return
        if may_note(session, now):
            due = await self._store.take_to_note(session.day, MOST)
            await self._see_to(due, session.day, noting=True)
        elif may_compare(session, now):
            before = await self._before(session.day)
            if before is not None:
                due = await self._store.take_to_compare(session.day, before, MOST)
                await self._see_to(due, session.day, noting=False)

    async def compare_one(self, series_id: UUID) -> None:
        """Compare a series that is about to buy, where that was not done today. Raises as `look`.

        What cannot be read in some seconds changes nothing: its account, asked again for the price that it
        buys at, buys nothing either while it does not answer.
        """
        now = self._clock.now()
        session = await self._days.look_up(exchange_time(now).date(), Segment.CASH)
        if not isinstance(session, Session) or not may_compare(session, now):
            return
        before = await self._before(session.day)
        until = self._clock.monotonic() + COMPARED_WITHIN
        while before is not None and self._clock.monotonic() < until:
            found = await self._store.to_compare(series_id, session.day, before)
            if found is None or await self._see_to([found], session.day, noting=False):
                return
            await self._clock.sleep(AGAIN)

    async def _before(self, day: date) -> date | None:
        return trading_day_before(await self._days.calendar(), day)

    async def _see_to(self, due: Sequence[PricedSeries], day: date, *, noting: bool) -> bool:
        """Read and write what is due; False where something could not be read."""
        accounts: defaultdict[Account, list[PricedSeries]] = defaultdict(list)
        for series in due:
            accounts[series.strategy.user_id, series.account].append(series)
        turns = asyncio.Semaphore(AT_ONCE)

        async def see_to(account: Account) -> bool:
            async with turns:
                quotes = await self._quotes(account, accounts[account])
            done = True
            for series in accounts[account]:
                quote = quotes.get(series.strategy.instrument)
                write = self._note if noting else self._compare
                done &= quote is not None and await write(series, quote, day)
            return done

        return all(await asyncio.gather(*map(see_to, accounts)))

    async def _quotes(self, account: Account, due: Sequence[PricedSeries]) -> Mapping[str, Quote]:
        user_id, name = account
        with suppress(StopwatchError, TimeoutError):
            async with asyncio.timeout(READ_WITHIN):
                broker = await self._brokers.of(user_id, name)
                async with noting_a_dead_login(self._brokers, user_id, broker):
                    return await broker.quotes(sorted({series.strategy.instrument for series in due}))
        return {}

    async def _note(self, series: PricedSeries, quote: Quote, day: date) -> bool:
        await self._store.note(series, NotedClose(day, quote.last_price))
        return True

    async def _compare(self, series: PricedSeries, quote: Quote, day: date) -> bool:
        noted, stated = series.noted, quote.previous_close
        if noted is None or stated is None:
            return False
        adjusted = is_adjusted(noted.price, stated)
        if await self._store.compared(series, day, adjusted=adjusted) and adjusted:
            await self._alerts.raise_(adjusted_alarm(series, noted, stated))
        return True
