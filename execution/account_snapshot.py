"""Reads the account before a sale, so that no more is sold than is still there.

Rules are in `domain.sellable`; this asks the broker and the order log for what they need.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from domain.deadline import Deadline
from domain.errors import BrokerRefused, BrokerUnavailable, StopwatchError, StoreUnavailable
from domain.exit_obstacle import blocking
from domain.listing import Listing
from domain.order import BrokerOrder, Reason
from domain.ports import Broker, Brokers, Clock, OrderLog
from domain.sellable import (
    STEADY,
    STOP_WAITS,
    Account,
    OtherClaims,
    books_agree,
    bought_today,
    left_unread,
    position_to_sell,
    shows_less_text,
)
from domain.strategy import Product
from domain.timeline import EventKind
from execution.book_beside import BookBeside
from execution.order_book import noting_a_dead_login
from execution.order_intent import OrderIntent

LOOK_EVERY = 0.5
"""Seconds between two readings of an account that does not cover a sale, or could not be read."""
STOP_WAITS_CLAIMED = 1.5
"""Seconds a stop-loss waits for the account beside its claim, which lasts two; or behind its run's look."""
LOOK_SOON = 0.1
LOOK_COVER = 0.3
"""Seconds for the last look of a stop-loss whose claim is running: then it leaves, or never does."""
SNAPSHOT_LASTS = timedelta(seconds=60)
"""How old a reading may be that a sale is sent by: much may have happened at the broker since."""


class NotCovered(StopwatchError):
    """The account shows fewer shares than a sale asks for, or could not be read."""


@dataclass(frozen=True, slots=True)
class LeftUnread:
    """How many shares are left of an account that could not be read.

    `shown`: what its position shows, where that alone could be read.
    """

    left: int
    shown: int | None


class AccountSnapshots:
    """Says how many shares an exit may sell, by one reading of the broker's books and the order log."""

    def __init__(self, log: OrderLog, brokers: Brokers, clock: Clock) -> None:
        self._log = log
        self._brokers = brokers
        self._clock = clock

    async def sellable(
        self, intent: OrderIntent, unsold: int, broker: Broker, halt: asyncio.Event
    ) -> int | None:
        """Return how many of `unsold` shares are still there; 0: they are gone. None: halted first.

        An account that cannot be read covers what is known to be left of it once `intent.patience` is over;
        where its position can, and shows what was bought today, what that shows. One that was read and shows
        less never covers more: what it shows is sold then, and nothing is called gone before the books have
        settled or shown the same for `STEADY` seconds. Raises `LoginNeeded`, `StoreUnavailable`.
        """
        async with self._beside(intent, broker).begun() as book:
            return await self._sellable(intent, unsold, broker, halt, book)

    async def _sellable(
        self, intent: OrderIntent, unsold: int, broker: Broker, halt: asyncio.Event, book: BookBeside
    ) -> int | None:
        began = since = self._clock.monotonic()
        shown: int | None = None
        while not halt.is_set():
            left = self._left(intent, began) if shown is None else None
            account = await self._read(intent, unsold, broker, left)
            now = self._clock.monotonic()
            if account is None and left is not None and left <= LOOK_EVERY:
                known = (await self._left_unread(intent, unsold, broker, book, LOOK_EVERY)).left
                if known:
                    await self._say_unread(intent, known, unsold)
                    return known
                intent = replace(intent, patience=None)  # nothing is there that could be sold at once
            if account is not None:
                found = account.sellable(unsold)
                again = found == shown
                shown, since = found, since if again else now
                if found == unsold or (found and self._is_over(intent, began)):
                    return found
                steady = now - since >= STEADY and not account.claims.in_flight
                if again and (steady or await self._is_settled(intent, broker, account)):
                    return found
            await self._clock.sleep(LOOK_EVERY)
        return None

    async def show_none(self, intent: OrderIntent, broker: Broker) -> bool:
        """Tell whether one reading shows nothing that could be sold; False where the account cannot be read.

        Raises `LoginNeeded`, `StoreUnavailable`.
        """
        account = await self._read(intent, 1, broker, STOP_WAITS)
        return account is not None and not account.sellable(1)

    async def shown(self, intent: OrderIntent, unsold: int, broker: Broker) -> int | None:
        """Return how many of `unsold` shares one reading shows; None where the account cannot be read.

        Raises `LoginNeeded`, `StoreUnavailable`.
        """
        account = await self._read(intent, unsold, broker, STOP_WAITS)
        return None if account is None else account.sellable(unsold)

    async def are_gone(self, intent: OrderIntent, broker: Broker, halt: asyncio.Event) -> bool:
        """Tell whether nothing is left to be sold; False where that cannot be known now.

        One reading tells that something is there; that all is gone is believed as `sellable` believes it.
        Raises `LoginNeeded`, `StoreUnavailable`.
        """
        return await self.show_none(intent, broker) and await self.sellable(intent, 1, broker, halt) == 0

    async def blocking(self, intent: OrderIntent, broker: Broker) -> tuple[BrokerOrder, ...] | None:
        """Return the account's other open orders for the same shares; None where the book cannot be read.

        Raises `LoginNeeded`.
        """
        try:
            async with self._noting(intent, broker):
                book = await broker.orders()
        except (BrokerUnavailable, BrokerRefused):
            return None
        return blocking(book, intent.key, intent.terms)

    def _left(self, intent: OrderIntent, began: float) -> float | None:
        return None if intent.patience is None else began + intent.patience - self._clock.monotonic()

    def _is_over(self, intent: OrderIntent, began: float) -> bool:
        left = self._left(intent, began)
        return left is not None and left <= LOOK_EVERY

    async def _left_unread(
        self, intent: OrderIntent, unsold: int, broker: Broker, book: BookBeside, seconds: float
    ) -> LeftUnread:
        """Return how many shares are left of an account that could not be read, as far as is known."""
        claims = await self._log.other_claims(intent.key)
        shown, orders = await asyncio.gather(
            self._shown(intent, unsold, broker, claims, seconds), book.known(seconds)
        )
        left = left_unread(unsold, claims, orders, intent.terms)
        return LeftUnread(left if shown is None else min(left, shown), shown)

    def _beside(self, intent: OrderIntent, broker: Broker) -> BookBeside:
        async def read() -> Listing[BrokerOrder] | None:
            try:
                async with self._noting(intent, broker):
                    return await broker.orders()
            except (BrokerUnavailable, BrokerRefused):
                return None

        return BookBeside(read, self._clock)

    async def _shown(
        self, intent: OrderIntent, unsold: int, broker: Broker, claims: OtherClaims, seconds: float
    ) -> int | None:
        """Return how many delivery shares the position shows, where only the holdings cannot be read.

        None: the position is not known, or they were not bought today and only the holdings could show them.
        """
        if intent.terms.product is not Product.CNC:
            return None
        try:
            async with self._noting(intent, broker), asyncio.timeout(seconds):
                positions = await broker.positions()
        except (BrokerUnavailable, BrokerRefused, TimeoutError):
            return None
        net = position_to_sell(positions, intent.terms)
        if net is None or bought_today(positions, intent.terms) < unsold:
            return None
        return _by_position(net, claims).sellable(unsold)

    async def _say_unread(self, intent: OrderIntent, quantity: int, unsold: int) -> None:
        """Tell the user that shares are sold without a look at the whole account."""
        symbol = intent.terms.symbol
        sold = f"{quantity} are sold" if quantity == unsold else f"{quantity} of {unsold} are sold"
        text = (
            f"The position in {symbol} could not be read at the broker for {intent.patience:g} s: {sold}, "
            "as far as is known. If you sold some by hand, look at the account now."
        )
        with suppress(StoreUnavailable):  # the line is for the timeline; the sale does not wait for it
            await self._log.say(intent.key, EventKind.ALERT, text, f"unread:{intent.due_at}")

    async def ensure_covered(self, intent: OrderIntent, broker: Broker) -> None:
        """Read the account for a sale whose claim is running. Raises `NotCovered` unless it shows all of it.

        A stop-loss whose account cannot be read within `STOP_WAITS_CLAIMED` seconds counts as covered.
        """
        async with self._beside(intent, broker).begun() as book:
            await self._ensure_covered(intent, broker, book)

    async def _ensure_covered(self, intent: OrderIntent, broker: Broker, book: BookBeside) -> None:
        until = self._clock.monotonic() + STOP_WAITS_CLAIMED
        is_stop = intent.reason is Reason.STOPLOSS
        while True:
            left = until - self._clock.monotonic() if is_stop else None
            account = await self._read(intent, intent.wanted, broker, left)
            if account is not None:
                return _require_all(account.sellable(intent.wanted), intent.wanted)
            if not is_stop:
                raise NotCovered("the position at the broker could not be read; it is read again")
            if self._clock.monotonic() + LOOK_SOON >= until:
                return await self._cover_unread(intent, broker, book)
            await self._clock.sleep(LOOK_SOON)

    async def _cover_unread(self, intent: OrderIntent, broker: Broker, book: BookBeside) -> None:
        """Let an unread stop-loss go, and say so. Raises `NotCovered` where less is known to be left."""
        known = await self._left_unread(intent, intent.wanted, broker, book, LOOK_COVER)
        if known.shown is not None:
            _require_all(known.shown, intent.wanted)
        if known.left < intent.wanted:
            raise NotCovered(f"{known.left} of the {intent.wanted} are left, as far as is known")
        await self._say_unread(intent, intent.wanted, intent.wanted)

    async def shows_none(self, intent: OrderIntent, unsold: int, broker: Broker) -> bool:
        """Tell whether the account, read once, shows none of `unsold` shares that were found gone before.

        False where it cannot be read within `STOP_WAITS_CLAIMED` seconds, or an order is on its way.
        """
        account = await self._read(intent, unsold, broker, STOP_WAITS_CLAIMED)
        return account is not None and not account.claims.in_flight and account.sellable(unsold) == 0

    async def _read(
        self, intent: OrderIntent, unsold: int, broker: Broker, seconds: float | None
    ) -> Account | None:
        """Return the account as it is now, None when it could not be read, or was read before a suspend."""
        fresh = Deadline.of(self._clock, SNAPSHOT_LASTS)
        try:
            async with self._noting(intent, broker), asyncio.timeout(seconds):
                account = await self._account(intent, unsold, broker)
        except (BrokerUnavailable, BrokerRefused, TimeoutError):
            return None
        return account if fresh.left() > 0 else None

    async def _account(self, intent: OrderIntent, unsold: int, broker: Broker) -> Account | None:
        claims = await self._log.other_claims(intent.key)
        net = position_to_sell(await broker.positions(), intent.terms)
        if net is None:
            return None
        if intent.terms.product is not Product.CNC:
            return Account(net, 0, claims)
        account = _by_position(net, claims)
        if account.sellable(unsold) == unsold:
            return account
        held_before = await broker.holdings(intent.terms.exchange, intent.terms.symbol)
        return replace(account, holdings=held_before)

    async def _is_settled(self, intent: OrderIntent, broker: Broker, account: Account) -> bool:
        """Tell whether nothing is on its way that would make the books show more, or less, in a moment."""
        if account.claims.in_flight:
            return False
        try:
            async with self._noting(intent, broker):
                book, positions = await broker.orders(), await broker.positions()
        except (BrokerUnavailable, BrokerRefused):
            return False
        same = position_to_sell(positions, intent.terms) == account.net
        return same and books_agree(book, positions, intent.terms)

    def _noting(self, intent: OrderIntent, broker: Broker) -> AbstractAsyncContextManager[None]:
        return noting_a_dead_login(self._brokers, intent.key.user_id, broker)


def _by_position(net: int, claims: OtherClaims) -> Account:
    """Return the account as far as the position tells.

    Those of before today are the same all day: what was read with the baseline spares a question.
    """
    return Account(net, claims.holdings if claims.holdings is not None else 0, claims)


def _require_all(found: int, wanted: int) -> None:
    if found < wanted:
        raise NotCovered(shows_less_text(found, wanted))
