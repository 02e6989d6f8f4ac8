"""Keeps the stop of one holding at the exchange: asks `domain.protected_step`, does one thing, asks again.

Two workers that keep the same holding do no harm: each order and each change is claimed once in the store.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.errors import BrokerNotConnected, BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.kept_stop import STAYS, UNSEEN, KeptStop, Protection, protection_line, why_alone
from domain.leg import entry_is_absent, filled
from domain.listing import Listing
from domain.order import Attempt, BrokerOrder, OrderStatus, Reason
from domain.ports import Broker, Brokers, Clock, OrderLog, RestingStops
from domain.protected_exit import (
    Action,
    Aim,
    Bar,
    Cancel,
    Follow,
    LookUp,
    Modify,
    Place,
    ProtectedExit,
    ToMarket,
    Wait,
)
from domain.protected_step import next_action, protection
from domain.resting_stop import RestingOrder, Seen, is_swept, moves_left, seen_in, slices_of, why_ended
from domain.stop_prices import StopPrices, Traded, is_worth_moving, stop_prices
from domain.terms import Protect
from execution.account_snapshot import AccountSnapshots
from execution.execution_rules import ExecutionRules
from execution.expired_stops import leg_of_today
from execution.order_book import OrderBooks
from execution.order_intent import OrderIntent
from execution.order_sender import OrderSender
from execution.policy import Permit
from execution.stop_changes import StopChanges

FRESH_FILL = timedelta(seconds=10)
"""So long after the first fill its price is the last one known: no question delays the first stop."""
QUOTE_LASTS = timedelta(seconds=5)
BY_HAND = why_alone(Bar.HAND)
IDLE = timedelta(seconds=1)
"""Between two looks at what the store says, where nothing is due."""


@dataclass(frozen=True, slots=True)
class KeeperPorts:
    """What every holding of a worker needs."""

    stops: RestingStops
    log: OrderLog
    accounts: AccountSnapshots
    sender: OrderSender
    books: OrderBooks
    brokers: Brokers
    clock: Clock
    rules: ExecutionRules


class KeptHolding:
    """One holding and its loop; `take` gives it what the store says now."""

    def __init__(self, held: KeptStop, ports: KeeperPorts, every: Callable[[], float]) -> None:
        """`every`: seconds between two looks at an account whose orders the feed does not tell of."""
        self.held = held
        self._every = every
        self._looked_at = ports.clock.now()
        self._heard = False
        self._ports = ports
        self._changes = StopChanges(ports.stops)
        self._news = asyncio.Event()
        self._seen: dict[UUID, Seen] = {}
        self._traded: Traded | None = None
        self._traded_at: datetime | None = None
        self._quoted = False
        self._look_due = False
        self._less: int | None = None
        """How many shares the account shows, where a reading after another's order showed too few."""
        self._read_at: datetime | None = None
        """When it is to be read again, or at once; None: not before another's order moves."""
        self._tried: UUID | None = None
        self._alone_since: datetime | None = None
        self._shown = held.protection

    def take(self, held: KeptStop) -> None:
        """Take the holding as it is now; what has changed is acted on at once."""
        foreign = held.foreign_at != self.held.foreign_at
        if foreign or held.moved_at != self.held.moved_at:
            self._look_due = True
        if foreign:
            self._read_at = self._ports.clock.now()
        if held != self.held:
            self.held = held
            self._news.set()

    async def keep(self) -> None:
        """Keep its stop until cancelled. Raises `StoreUnavailable`, `LoginNeeded`, `BrokerUnavailable`."""
        held = self.held
        broker = await self._ports.brokers.of(held.key.user_id, held.terms.account)
        while True:
            self._news.clear()
            now, held = self._ports.clock.now(), self.held
            attempts = await leg_of_today(self._ports.log, held.key, held.terms, now)
            self._poll(attempts, now)
            if self._look_due:
                self._look_due = False
                attempts = await self._look(attempts, broker)
            await self._read_account(attempts, broker)
            now = self._ports.clock.now()
            exit = await self._exit(attempts, broker, now)
            action = next_action(exit, now)
            await self._show(exit, now)
            await self._do(action, attempts, broker)

    def _poll(self, attempts: Sequence[Attempt], now: datetime) -> None:
        """Have book and account read soon again where no feed tells of this account's orders.

        Prices may come by the operator's account, which hears of no other account's orders: then nothing
        tells of a hand that cancels the stop, or sells its shares.
        """
        self._heard = self._is_heard(attempts)
        if self._heard or now < self._looked_at + timedelta(seconds=self._every()):
            return
        if any(one.resting is not None and one.status is OrderStatus.OPEN for one in attempts):
            self._look_due, self._read_at = True, now
        self._looked_at = now

    def _is_heard(self, attempts: Sequence[Attempt]) -> bool:
        """Tell whether the feed has told of an order of the account since the first stop was sent."""
        sent = [one.sent_at for one in attempts if one.sent_at is not None]
        moved_at = self.held.moved_at
        return bool(sent) and moved_at is not None and moved_at >= min(sent)

    async def alone(self, bar: Bar) -> None:
        """Say that the server's stop is alone, or that what rests cannot be seen now."""
        now, shown = self._ports.clock.now(), self._shown
        if shown is not None and shown.where is Protect.EXCHANGE:
            await self._say(replace(shown, since=now, why=UNSEEN))
        else:
            await self._say(Protection(Protect.SERVER, now, why=why_alone(bar)))

    async def _do(self, action: Action, attempts: Sequence[Attempt], broker: Broker) -> None:
        match action:
            case Place():
                await self._place(action, attempts, broker)
            case Modify() | ToMarket() | Cancel():
                if not await self._changes.make(action, broker, Reason.STOPLOSS, self._ports.clock.now()):
                    await self._until(self._ports.clock.now() + IDLE / 5)
            case LookUp(at=at) | Follow(at=at):
                await self._until(at)
                if self._ports.clock.now() >= at:
                    await self._look(attempts, broker)
            case Wait(at=at) if at is not None:
                await self._until(min(at, self._ports.clock.now() + IDLE))
            case _:
                await self._until(self._ports.clock.now() + IDLE)

    async def _place(self, action: Place, attempts: Sequence[Attempt], broker: Broker) -> None:
        """Send a stop under its slice's planned attempt, or under the leg's next number."""
        held, ports = self.held, self._ports
        of_slice = [one for one in attempts if one.slice == action.slice]
        if of_slice and of_slice[-1].status is OrderStatus.PLANNED:
            attempt = of_slice[-1]
        else:
            number = max((one.attempt for one in attempts), default=0) + 1
            attempt = await ports.stops.plan(held.key, held.terms, number, action.slice)
        if attempt.status is not OrderStatus.PLANNED:
            return await self._until(ports.clock.now() + IDLE / 5)  # another caller was first
        if attempt.order_id == self._tried:  # refused without a word: its exit has begun
            await self._until(ports.clock.now() + IDLE / 2)
        self._tried = attempt.order_id
        intent = OrderIntent(held.key, held.terms, held.bought, Reason.STOPLOSS, ports.clock.now())
        await ports.sender.send(intent, attempt, Permit(action.quantity, broker, stop=action.prices))
        return None

    async def _look(self, attempts: Sequence[Attempt], broker: Broker) -> Sequence[Attempt]:
        """Read the order book, and write down what it shows; return the leg as it is then."""
        key, asked_at = self.held.key, self._ports.clock.now()
        book = await self._ports.books.read(key.user_id, broker)
        if book is None:
            return attempts
        await self._ports.books.absorb(key, attempts, book)
        for attempt in attempts:
            row = next((row for row in book if attempt.tag in row.tags), None)
            if row is None:
                await self._missing(attempt, book, asked_at)
            else:
                await self._found(attempt, row, asked_at)
        return await self._ports.log.leg(key)

    async def _read_account(self, attempts: Sequence[Attempt], broker: Broker) -> None:
        """Read what is left where another's order has moved: a stop must not sell what a hand has sold.

        Fewer shares than there should be are believed at once, and read again until the account watch has
        settled it, or they are there.
        """
        held, now = self.held, self._ports.clock.now()
        if self._read_at is None or now < self._read_at:
            return
        unsold = held.bought - filled(attempts)
        intent = OrderIntent(held.key, held.terms, held.bought, Reason.STOPLOSS, now)
        shown = await self._ports.accounts.shown(intent, unsold, broker)
        if shown is not None:
            self._less = shown if shown < unsold - held.missing else None
        self._read_at = now + IDLE if shown is None or self._less is not None else None

    async def _found(self, attempt: Attempt, row: BrokerOrder, asked_at: datetime) -> None:
        self._seen[attempt.order_id] = seen_in(row, asked_at)
        facts = attempt.resting
        if row.status is OrderStatus.CANCELLED and facts is not None and facts.ended is None:
            swept = is_swept(self.held.terms.exchange, asked_at)
            why = why_ended(row.message, facts.cancel_asked_at is not None, swept)
            await self._ports.stops.ended(attempt, why)

    async def _missing(self, attempt: Attempt, book: Listing[BrokerOrder], asked_at: datetime) -> None:
        """Give up a stop that was never answered once its horizon has passed."""
        if attempt.status is not OrderStatus.SENT:
            return
        if entry_is_absent(attempt, book, self.held.terms, asked_at, self._ports.rules.horizons):
            await self._ports.log.give_up(attempt, "sent, never answered, and in no order book since")

    async def _exit(self, attempts: Sequence[Attempt], broker: Broker, now: datetime) -> ProtectedExit:
        exit = self._described(attempts, now)
        if not isinstance(next_action(exit, now), Place | Modify) and exit.stop is not None:
            return exit
        if await self._ask_price(attempts, broker, now):
            return self._described(attempts, now)
        return exit

    def _described(self, attempts: Sequence[Attempt], now: datetime) -> ProtectedExit:
        held = self.held
        unsold = max(0, held.bought - filled(attempts))
        return ProtectedExit(
            bought=held.bought,
            aim=Aim.PROTECT,
            since=now,
            slices=slices_of(attempts, self._seen),
            account=max(0, min(unsold - held.missing, self._left_of(unsold))),
            stop=self._prices(),
            tick=held.tick,
            most=held.terms.most,
            entry_open=held.entry_open,
            horizons=self._ports.rules.horizons,
        )

    def _left_of(self, unsold: int) -> int:
        return unsold if self._less is None else self._less

    def _prices(self) -> StopPrices | None:
        if self.held.stop is None or self._traded is None:
            return None
        return stop_prices(self.held.stop, self._traded)

    async def _ask_price(self, attempts: Sequence[Attempt], broker: Broker, now: datetime) -> bool:
        """Find out the last price, unless it is known; tell whether it is another than before.

        The fill's price is enough for the first stop alone: it says nothing of the circuit limits.
        """
        held = self.held
        sent = any(one.sent_at is not None for one in attempts)
        is_fresh = self._traded_at is not None and now - self._traded_at < QUOTE_LASTS
        if is_fresh and (self._quoted or not sent):
            return False
        if not sent and held.entry_price is not None and now - held.bought_at < FRESH_FILL:
            found = self._at(held.entry_price, None)
        else:
            quotes = await broker.quotes([held.terms.instrument])
            quote = quotes.get(held.terms.instrument)
            if quote is None:
                return False
            found, self._quoted = self._at(quote.last_price, quote.lower_circuit), True
        before, self._traded, self._traded_at = self._traded, found, now
        return found != before

    def _at(self, last: Decimal, lower: Decimal | None) -> Traded:
        terms = self.held.terms
        return Traded(terms.exchange, terms.symbol, self.held.tick, last, lower)

    async def _show(self, exit: ProtectedExit, now: datetime) -> None:
        """Write where the stop lies; what is being placed is given a moment for it."""
        bar = protection(exit, now)
        if bar is None:
            self._alone_since = None
            resting = next(
                (one for orders in exit.slices for one in orders if one.is_open and one.seen is not None),
                None,
            )
            if resting is not None and resting.seen is not None:
                number, trigger = resting.attempt.broker_order_id, resting.seen.trigger
                why = STAYS if self._stays(exit, resting) else None
                await self._say(Protection(Protect.EXCHANGE, now, number, trigger, why))
            return
        self._alone_since = self._alone_since or now
        if bar in (Bar.PLACING, Bar.FILLING) and now - self._alone_since < IDLE:
            return
        await self._say(Protection(Protect.SERVER, now, why=why_alone(bar)))

    @staticmethod
    def _stays(exit: ProtectedExit, order: RestingOrder) -> bool:
        """Tell whether the stop has risen, and the order cannot be moved any more."""
        trigger = order.seen.trigger if order.seen is not None else None
        if exit.stop is None or trigger is None or moves_left(order):
            return False
        return is_worth_moving(trigger, exit.stop.trigger, exit.tick)

    async def _say(self, found: Protection) -> None:
        shown, held = self._shown, self.held
        if found.same_as(shown):
            return
        if shown is not None and shown.where is found.where:
            found = replace(found, since=shown.since)
        is_news = shown is None or (shown.where, shown.why) != (found.where, found.why)
        line = protection_line(found, held.terms) if is_news else ""
        once = (
            f"protection:{held.key.round}:{found.where}:{found.order_id}:{found.why}:{_second(found, shown)}"
        )
        lost = shown is not None and shown.where is Protect.EXCHANGE and found.where is Protect.SERVER
        await self._ports.stops.show(held.key, found, line, once, urgent=lost and found.why != BY_HAND)
        self._shown = found

    async def _until(self, at: datetime) -> None:
        """Wait for an instant, or for news of the holding; no longer than until the account is looked at."""
        at = at if self._heard else min(at, self._looked_at + timedelta(seconds=self._every()))
        at = at if self._read_at is None else min(at, self._read_at)
        seconds = (at - self._ports.clock.now()).total_seconds()
        if seconds <= 0 or self._news.is_set():
            await asyncio.sleep(0)
            return
        news = asyncio.ensure_future(self._news.wait())
        sleep = asyncio.ensure_future(self._ports.clock.sleep(seconds))
        try:
            await asyncio.wait({news, sleep}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            sleep.cancel()


def _second(found: Protection, before: Protection | None) -> str:
    """Return what tells this change from another to the same, and not two workers that see it together."""
    return f"{found.since if before is None else before.since:%Y-%m-%dT%H:%M:%S}"


AWAY = (BrokerUnavailable, BrokerRefused, BrokerNotConnected, LoginNeeded)
"""What keeps the broker from being asked."""
