"""Exits while Postgres is away: the run alone sells, because nobody can claim and shares must not wait.

Only a run does this, one activity at a time and each with one attempt: whoever takes over after a crash looks
up and does not send. The order's number begins a block of its own, so its tag is nobody else's; its row is
written when the store is back, before the leg goes on in the ordinary way.
"""

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.heartbeat import alive, beating
from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded, StoreUnavailable
from domain.failpoint import failpoint
from domain.leg import Horizons, exit_may_be_resent
from domain.order import FINAL, OFF_BOOKS_BLOCK, BrokerOrder, OrderRequest, OrderStatus
from domain.outcome import Rejected
from domain.ports import Broker, Brokers, Clock, NotClaimed, OrderLog
from domain.run import Exited, ExitOrder, OffBooksExit, OffBooksRecord
from domain.sellable import Account, books_agree, net_position
from domain.strategy import Product

CLAIMS_ARE_OVER = 3.0
"""Seconds after which every claim made before the store went away is past its `send_before`."""
LOOK_EVERY = 1.0
STORE_ANSWERS = 0.5
"""Seconds the store gets to answer before a sale goes on without it."""
CALL_DEADLINE = 5.0
LEAVE_WITHIN = 1.0
GONE_LOOKS = 3
"""Looks in a row that must show no share left before a sale ends as closed outside."""
NOT_PLACED = "OrderNotPlaced"
IN_DOUBT = "OrderInDoubt"


@dataclass(frozen=True, slots=True)
class _Seen:
    """The leg as the broker's order book alone shows it."""

    rows: tuple[BrokerOrder, ...]

    @property
    def sold(self) -> int:
        return sum(row.filled_quantity for row in self.rows)

    @property
    def average_price(self) -> Decimal | None:
        fills = [(row.filled_quantity, row.average_price) for row in self.rows if row.filled_quantity]
        if not fills or any(price is None for _, price in fills):
            return None
        return sum((price * quantity for quantity, price in fills if price), Decimal(0)) / self.sold

    @property
    def open(self) -> tuple[BrokerOrder, ...]:
        return tuple(row for row in self.rows if row.status not in FINAL)


@dataclass(frozen=True, slots=True)
class _Sale:
    """The leg that is being sold, and where: its tags are computed once for all looks at the book."""

    order: ExitOrder
    broker: Broker
    tags: Set[str]

    @classmethod
    def of(cls, order: ExitOrder, broker: Broker) -> Self:
        return cls(order, broker, order.key.numbers().keys())

    async def look(self) -> _Seen | None:
        """Return the leg's rows, None when the book could not be read."""
        try:
            return self.among(await self.broker.orders())
        except (BrokerUnavailable, BrokerRefused):
            return None

    def among(self, book: Sequence[BrokerOrder]) -> _Seen:
        return _Seen(tuple(row for row in book if row.tags & self.tags))

    def exited(self, seen: _Seen, outside: int = 0) -> Exited:
        left = self.order.bought - seen.sold - outside
        reason = self.order.reason if seen.sold else None
        detail = "sold while Postgres was away"
        return Exited(seen.sold, left, seen.average_price, reason, detail, outside=outside)


class DegradedExitActivities:
    """Sells without the store, and writes down afterwards what was sent."""

    def __init__(
        self, log: OrderLog, brokers: Brokers, clock: Clock, horizons: Horizons, fill_seconds: float = 10
    ) -> None:
        self._log = log
        self._brokers = brokers
        self._clock = clock
        self._horizons = horizons
        self._fill_seconds = fill_seconds

    @activity.defn
    async def exit_without_store(self, request: OffBooksExit) -> Exited:
        """Sell what both of the broker's books prove is still held, at most once under this number."""
        return await beating(lambda halt: self._exit(request, halt))

    @activity.defn
    async def record_off_books(self, record: OffBooksRecord) -> None:
        """Write rows for what was sent without the store: each counts as sent, and is looked up then."""
        async with alive():
            await self._record(record)

    async def _record(self, record: OffBooksRecord) -> None:
        for number in record.attempts:
            attempt = await self._log.plan(record.order.key, record.order.terms, number, record.order.due_at)
            if attempt.status is OrderStatus.PLANNED:
                claim = await self._log.claim(
                    attempt, record.order.bought, record.order.reason, record.order.due_at, None
                )
                if isinstance(claim, NotClaimed) and claim.too_early:
                    raise ApplicationError("the store's clock is behind", type=NOT_PLACED)

    async def _exit(self, request: OffBooksExit, halt: asyncio.Event) -> Exited:
        order = request.order
        sale = _Sale.of(order, await self._brokers.of(order.key.user_id, order.terms.account))
        await self._clock.sleep(CLAIMS_ARE_OVER)
        doubt_ends = self._doubt_ends(request.in_flight_since)
        gone = 0
        while not halt.is_set():
            seen = await sale.look()
            if seen is not None:
                seen = await self._until_over(sale, seen, halt)
                if seen.sold >= order.bought or seen.open:
                    return sale.exited(seen)
                sellable = await self._sellable(sale, seen, doubt_ends)
                if sellable:
                    return await self._send(sale, request.attempt, sellable, halt)
                gone = gone + 1 if sellable == 0 else 0
                if gone == GONE_LOOKS:
                    return sale.exited(seen, order.bought - seen.sold)
            await self._clock.sleep(LOOK_EVERY)
        return sale.exited(await sale.look() or _Seen(()))

    async def _sellable(self, sale: _Sale, seen: _Seen, doubt_ends: datetime) -> int | None:
        """Return how many shares may be sent now, None where nothing is proven yet."""
        if self._clock.now() < doubt_ends or not await self._nobody_else_may_send(sale.order, seen):
            return None
        return await self._proven(sale, seen)

    def _doubt_ends(self, in_flight_since: datetime | None) -> datetime:
        if in_flight_since is None:
            return self._clock.now()
        return in_flight_since + max(self._horizons.exit_resend, timedelta(0))

    async def _send(self, sale: _Sale, number: int, quantity: int, halt: asyncio.Event) -> Exited:
        order, tag = sale.order, sale.order.key.tag(number)
        activity.heartbeat("sending")
        await failpoint("exit.claimed")
        outcome = await asyncio.shield(
            sale.broker.place(
                OrderRequest(order.terms, order.key.leg.side, quantity, tag), CALL_DEADLINE, LEAVE_WITHIN
            )
        )
        await failpoint("exit.sent")
        if isinstance(outcome, Rejected):
            raise ApplicationError(f"not placed: {outcome.message}", type=NOT_PLACED)
        doubtful = self._clock.now() + self._horizons.exit_resend
        while True:  # sent, or perhaps sent: only the order book says what became of it
            if self._clock.now() >= doubtful:
                # Not a failure of type NOT_PLACED: the run takes it that an order may be in flight.
                raise ApplicationError("sent, never answered, and in no order book since", type=IN_DOUBT)
            seen = await sale.look()
            if seen is not None and any(tag in row.tags for row in seen.rows):
                over = await self._until_over(sale, seen, halt)
                return replace(sale.exited(over), sent_off_books=True)
            await self._clock.sleep(LOOK_EVERY)

    async def _until_over(self, sale: _Sale, seen: _Seen, halt: asyncio.Event) -> _Seen:
        """Follow what is open; cancel it when it rests too long, and read until it is over."""
        patience = self._clock.monotonic() + self._fill_seconds
        while seen.open:
            if halt.is_set() or self._clock.monotonic() >= patience:
                await self._cancel(seen.open, sale.broker)
            await self._clock.sleep(LOOK_EVERY / 4)
            seen = await sale.look() or seen
        return seen

    async def _cancel(self, rows: Sequence[BrokerOrder], broker: Broker) -> None:
        for row in rows:
            try:
                await broker.cancel(row.broker_order_id)
            except (BrokerUnavailable, BrokerRefused, LoginNeeded):
                continue  # the next read of the book tells what is true

    async def _nobody_else_may_send(self, order: ExitOrder, seen: _Seen) -> bool:
        """Where the store answers again, take the right to send this leg away from whoever holds it.

        A worker that still reaches the store might claim it while we send. False when somebody has, and the
        order book does not show it yet: it is waited for as long as any exit in doubt.
        """
        try:
            async with asyncio.timeout(STORE_ANSWERS):
                attempts = await self._log.leg(order.key)
                if attempts and attempts[-1].status is OrderStatus.PLANNED:
                    await self._log.deny(attempts[-1], "sold without Postgres, which had not answered")
                    attempts = await self._log.leg(order.key)
        except (StoreUnavailable, TimeoutError):
            return True
        shown = {tag for row in seen.rows for tag in row.tags}
        doubtful = self._clock.now() - self._horizons.exit_resend
        return not any(
            attempt.sent_at is not None and attempt.sent_at > doubtful and attempt.tag not in shown
            for attempt in attempts
            if attempt.status in (OrderStatus.SENT, OrderStatus.OPEN)
        )

    async def _proven(self, sale: _Sale, seen: _Seen) -> int | None:
        order, broker = sale.order, sale.broker
        try:
            book, positions = await broker.orders(), await broker.positions()
            held_before = 0
            if order.terms.product is Product.CNC:
                held_before = await broker.holdings(order.terms.exchange, order.terms.symbol)
        except (BrokerUnavailable, BrokerRefused, LoginNeeded):
            return None
        if sale.among(book).rows != seen.rows or not books_agree(book, positions, order.terms):
            return None
        if not exit_may_be_resent((), book, positions, order.terms, self._clock.now(), self._horizons):
            return None
        net = net_position(positions, order.terms)
        if net is None:
            return None
        # Without the store it is not known what the user's other strategies hold: the account alone counts.
        return Account(net, held_before).sellable(order.bought - seen.sold)


def off_books_number(tries: int) -> int:
    """Return the number of the attempt after `tries` without the store.

    Ordinary attempts count on from the newest, so each try begins a block of its own: a number that both
    came to was one tag for two orders (found by the chaos run).
    """
    return OFF_BOOKS_BLOCK * (tries + 1)
