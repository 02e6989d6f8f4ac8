"""Does periodic work: restores price controls, releases after-market orders, ends time-limited ones."""

import asyncio
import logging

from paper.clock import ist
from paper.exchange import Exchange
from paper.market import Script
from paper.order_service import OrderService
from paper.orders import AMO_RECEIVED, TRIGGER_PENDING, Order
from paper.restore import Restore

log = logging.getLogger("paper")

LOOK_SECONDS = 1.0
TOKEN_EXPIRY_HOUR = 6


class Housekeeping:
    """Runs once a second."""

    def __init__(self, exchange: Exchange, order_service: OrderService, restore: Restore) -> None:
        self._exchange = exchange
        self._order_service = order_service
        self._restore = restore

    def begin(self) -> None:
        """Restore the price controls from the journal."""
        listing, market = self._exchange.market.listing, self._exchange.market
        for record in self._restore.prices.values():
            instrument = listing.find(record["exchange"], record["symbol"])
            if instrument is not None:
                market.script(instrument, Script(tuple((at, price) for at, price in record["points"])))

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self.look()
            except Exception:
                log.exception("Housekeeping failed")

    def look(self) -> None:
        """Do everything that is due."""
        now = self._exchange.clock.wall()
        for account in self._exchange.accounts:
            if not account.live:
                continue
            self._exchange.roll(account)
            for order in list(account.live.values()):
                self._due(order, now)
        if not self._exchange.calendar.always:
            self._expire_tokens()

    def _due(self, order: Order, now: float) -> None:
        if order.expires_at and now >= order.expires_at:
            account = self._exchange.accounts.get(order.user_id)
            if account is not None:
                self._order_service.cancel(account, order.order_id)
        elif order.status == TRIGGER_PENDING and self._closing_auction(order):
            self._exchange.sweep(order)
        elif order.status == AMO_RECEIVED and self._opened_since(order):
            self._order_service.release(order)

    def _closing_auction(self, order: Order) -> bool:
        """Tell whether the exchange has swept a stop: shares with derivatives keep none past 15:15."""
        instrument = order.instrument
        calendar, now = self._exchange.calendar, self._exchange.clock.now()
        return instrument.has_derivatives and not calendar.is_open(now, instrument)

    def _opened_since(self, order: Order) -> bool:
        calendar, clock = self._exchange.calendar, self._exchange.clock
        return calendar.is_open(clock.now(), order.instrument) and clock.now() >= calendar.next_open(
            order.session_at
        )

    def _expire_tokens(self) -> None:
        """Expire tokens at six in the morning; not on an exchange that is always open."""
        now = ist(self._exchange.clock.now())
        six = now.replace(hour=TOKEN_EXPIRY_HOUR, minute=0, second=0, microsecond=0).timestamp()
        for account in self._exchange.accounts:
            if account.access_token and account.login_at < six <= now.timestamp():
                self._exchange.logout(account)
