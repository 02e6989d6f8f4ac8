"""Sells while Postgres is away: the run alone, because no worker can claim and shares must not wait.

Only a run does this, one activity at a time and each with one attempt: a run that takes over after a crash
looks up and does not send. The order's number begins a block of its own, so no other order has its tag; its
row is written when the store is back, before the leg goes on in the ordinary way.
"""

import asyncio
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Self

from domain.deadline import Deadline
from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded, StoreUnavailable
from domain.exit_obstacle import NO_REASON, Obstacle
from domain.failpoint import failpoint
from domain.leg import Horizons, exit_may_be_resent, only_converted
from domain.order import (
    CALL_DEADLINE,
    FINAL,
    LEAVE_WITHIN,
    BrokerOrder,
    LegKey,
    OrderRequest,
    OrderStatus,
)
from domain.outcome import Rejected
from domain.ports import Broker, Brokers, Clock, NotClaimed, OrderLog
from domain.refusal import SELDOM, pause_after
from domain.run import Exited, ExitOrder, OffBooksExit, OffBooksRecord
from domain.sellable import Account, OtherClaims, books_agree, net_position
from domain.strategy import Product
from execution.follower import LOOK_EVERY
from execution.intents import call_off
from execution.order_book import cancel, read_order_book, read_positions
from execution.order_intent import HeldUp, InDoubt, NotPlaced

CLAIMS_ARE_OVER = 3.0
"""Seconds after which every claim made before the store went away is past its `send_before`."""
STORE_ANSWERS = 0.5
"""Seconds the store gets to answer before a sale goes on without it."""
PROOF_LASTS = timedelta(seconds=30)
"""How old the reading of the books may be that a sale is sent by."""
PROVES_WITHIN = 45.0
"""Seconds after which a sale that nothing is proven for is given back to the run: the store may be back."""
MOST_KNOWN = 1000
"""Legs of which it is remembered whose the shares are; few are ever sold without the store."""
GONE_LOOKS = 3
"""Looks in a row that must show no share left before a sale ends as closed outside."""


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
        book = await read_order_book(self.broker)
        return None if book is None else self.among(book)

    def among(self, book: Sequence[BrokerOrder]) -> _Seen:
        return _Seen(tuple(row for row in book if row.tags & self.tags))

    def exited(self, seen: _Seen, outside: int = 0) -> Exited:
        left = self.order.bought - seen.sold - outside
        reason = self.order.reason if seen.sold else None
        detail = "sold while Postgres was away"
        return Exited(seen.sold, left, seen.average_price, reason, detail, outside=outside)


class DegradedExit:
    """Sells without the store, and writes down afterwards what was sent."""

    def __init__(
        self, log: OrderLog, brokers: Brokers, clock: Clock, horizons: Horizons, fill_seconds: float = 10
    ) -> None:
        self._log = log
        self._brokers = brokers
        self._clock = clock
        self._horizons = horizons
        self._fill_seconds = fill_seconds
        self._known: dict[LegKey, OtherClaims] = {}
        """What the store said last of whose the shares are, by leg; the newest legs."""

    async def record(self, record: OffBooksRecord) -> None:
        """Write rows for what was sent without the store: each counts as sent, and is looked up then.

        Raises `NotPlaced` while the store's clock is behind.
        """
        for number in record.attempts:
            attempt = await self._log.plan(record.order.key, record.order.terms, number, record.order.due_at)
            if attempt.status is OrderStatus.PLANNED:
                claim = await self._log.claim(
                    attempt, record.order.bought, record.order.reason, record.order.due_at, None
                )
                if isinstance(claim, NotClaimed) and claim.too_early:
                    raise NotPlaced("the store's clock is behind")

    async def exit(self, request: OffBooksExit, halt: asyncio.Event, sending: Callable[[], None]) -> Exited:
        """Sell what both of the broker's books prove is still held, at most once under this number.

        `sending` is called just before the order leaves. Raises `NotPlaced`, also where nothing could be
        proven within `PROVES_WITHIN`, `HeldUp`, `InDoubt`, `LoginNeeded`.
        """
        order = request.order
        sale = _Sale.of(order, await self._brokers.of(order.key.user_id, order.terms.account))
        await self._clock.sleep(CLAIMS_ARE_OVER)
        doubt_ends = self._doubt_ends(request.in_flight_since)
        gone, until = 0, self._clock.monotonic() + PROVES_WITHIN
        while not halt.is_set():
            if self._clock.monotonic() >= until:
                raise NotPlaced("the broker's books prove nothing; the store is asked again")
            proof = Deadline.of(self._clock, PROOF_LASTS)
            seen = await sale.look()
            if seen is not None:
                seen = await self._until_over(sale, seen, halt)
                if seen.sold >= order.bought or seen.open:
                    return sale.exited(seen)
                sellable = await self._sellable(sale, seen, doubt_ends)
                if sellable and proof.left() > 0:
                    sending()
                    return await self._send(sale, request.attempt, order.terms.slice_of(sellable), halt)
                gone = gone + 1 if sellable == 0 else 0
                if gone == GONE_LOOKS:
                    return sale.exited(seen, order.bought - seen.sold)
            await self._clock.sleep(LOOK_EVERY)
        return sale.exited(await sale.look() or _Seen(()))

    async def _sellable(self, sale: _Sale, seen: _Seen, doubt_ends: datetime) -> int | None:
        """Return how many shares may be sent now, None where nothing is proven yet."""
        if self._clock.now() < doubt_ends or not await self._no_other_may_send(sale.order, seen):
            return None
        return await self._proven(sale, seen)

    def _doubt_ends(self, in_flight_since: datetime | None) -> datetime:
        if in_flight_since is None:
            return self._clock.now()
        return in_flight_since + max(self._horizons.exit_resend, timedelta(0))

    async def _send(self, sale: _Sale, number: int, quantity: int, halt: asyncio.Event) -> Exited:
        order, tag = sale.order, sale.order.key.tag(number)
        await failpoint("exit.claimed")
        outcome = await asyncio.shield(
            sale.broker.place(
                OrderRequest(order.terms, order.key.leg.side, quantity, tag), CALL_DEADLINE, LEAVE_WITHIN
            )
        )
        await failpoint("exit.sent")
        if isinstance(outcome, Rejected):
            if pause_after(outcome.kind, 1) == SELDOM:
                raise HeldUp(Obstacle(outcome.kind, number, SELDOM, outcome.message))
            raise NotPlaced(outcome.message or NO_REASON)
        doubtful = self._clock.now() + self._horizons.exit_resend
        while True:  # sent, or perhaps sent: only the order book says what became of it
            if self._clock.now() >= doubtful:
                raise InDoubt("sent, never answered, and in no order book since")
            seen = await sale.look()
            if seen is not None and any(tag in row.tags for row in seen.rows):
                over = await self._until_over(sale, seen, halt)
                return replace(sale.exited(over), sent_off_books=True)
            await self._clock.sleep(LOOK_EVERY)

    async def _until_over(self, sale: _Sale, seen: _Seen, halt: asyncio.Event) -> _Seen:
        """Follow what is open; cancel it when it rests too long, and read until it is over."""
        patience = self._clock.monotonic() + self._fill_seconds
        await self._sell_what_rests(sale, seen)
        while seen.open:
            if halt.is_set() or self._clock.monotonic() >= patience:
                for row in seen.open:
                    await cancel(sale.broker, row.broker_order_id)
            await self._clock.sleep(LOOK_EVERY / 4)
            seen = await sale.look() or seen
        return seen

    async def _sell_what_rests(self, sale: _Sale, seen: _Seen) -> None:
        """Ask each stop that rests to become a market order: one order cannot sell its shares twice.

        Where the account shows fewer shares than they would sell, they are cancelled: what is there is sold
        once that is proven. No right is needed for either, and the book says what came of it.
        """
        resting = [row for row in seen.open if row.trigger is not None and row.broker_order_id]
        if not resting:
            return
        offered = sum(row.quantity - row.filled_quantity for row in resting)
        fewer = await self._shows_fewer(sale, offered)
        for row in resting:
            with suppress(BrokerUnavailable, BrokerRefused, LoginNeeded):
                if fewer:
                    await cancel(sale.broker, row.broker_order_id)
                else:
                    await sale.broker.modify_stop(row.broker_order_id, None)

    async def _shows_fewer(self, sale: _Sale, offered: int) -> bool:
        """Tell whether one reading of the account shows fewer shares; an unread account does not."""
        terms, held_before = sale.order.terms, 0
        try:
            positions = await read_positions(sale.broker)
            if terms.product is Product.CNC:
                held_before = await sale.broker.holdings(terms.exchange, terms.symbol)
        except (BrokerUnavailable, BrokerRefused, LoginNeeded):
            return False
        net = None if positions is None else net_position(positions, terms)
        if net is None:
            return False
        return Account(net, held_before, await self._claims(sale.order)).sellable(offered) < offered

    async def _no_other_may_send(self, order: ExitOrder, seen: _Seen) -> bool:
        """Where the store answers again, take the right to send this leg away from its holder.

        A worker that still reaches the store might claim it while this one sends. False when one has, and the
        order book does not show it yet: it is waited for as long as any exit in doubt.
        """
        try:
            async with asyncio.timeout(STORE_ANSWERS):
                why = "sold without Postgres, which had not answered"
                attempts = await call_off(self._log, order.key, why)
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
            book, positions = await read_order_book(broker), await read_positions(broker)
            held_before = 0
            if order.terms.product is Product.CNC:
                held_before = await broker.holdings(order.terms.exchange, order.terms.symbol)
        except (BrokerUnavailable, BrokerRefused, LoginNeeded):
            return None
        if book is None or positions is None:
            return None
        agree = books_agree(book, positions, order.terms) or only_converted(book, positions, order.terms)
        if sale.among(book).rows != seen.rows or not agree:
            return None
        if not exit_may_be_resent((), book, positions, order.terms, self._clock.now(), self._horizons):
            return None
        net = net_position(positions, order.terms)
        if net is None:
            return None
        return Account(net, held_before, await self._claims(order)).sellable(order.bought - seen.sold)

    async def _claims(self, order: ExitOrder) -> OtherClaims:
        """Return what is the user's own and what other strategies hold, where the store says it in time.

        Else what it said last: the user's own shares of before the purchase stay the same. Where it never
        did, that is not known, and the account alone counts.
        """
        try:
            async with asyncio.timeout(STORE_ANSWERS):
                said = await self._log.other_claims(order.key)
        except (StoreUnavailable, TimeoutError):
            return self._known.get(order.key, OtherClaims())
        self._known[order.key] = said
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return said
