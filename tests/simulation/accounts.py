"""Logins at the exchange in memory: what a broker answers, late, lost or refused, as a fault chose."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.broker_charges import BrokerCharges, ChargedOrder
from domain.errors import AccountNotConnected, BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.held_shares import HeldShares, Share
from domain.listing import Listing
from domain.margin import MarginOrder
from domain.market_data import Minute
from domain.order import FINAL, BrokerOrder, BrokerPosition, Leg, OrderRequest, OrderStatus, Side
from domain.outcome import Accepted, Cause, PlaceOutcome, Rejected, Unknown
from domain.ports import Broker
from domain.quote import Quote
from domain.stop_prices import StopPrices
from tests.simulation.exchange import OURS, Exchange, Look, Order
from tests.simulation.server import attempt_now

LATENCY = 0.02
CALL_TIMEOUT = 5.0


@dataclass(eq=False)
class Account:
    """One login at the exchange: implements `domain.ports.Broker`."""

    exchange: Exchange
    login: int
    name: str = OURS

    async def place(self, order: OrderRequest, timeout: float, leave_within: float) -> PlaceOutcome:
        self.exchange.write("sent", order, order.quantity, account=self.name)
        leg = Leg.ENTRY if order.side is Side.BUY else Leg.EXIT
        await asyncio.sleep(LATENCY / 2)
        answer = await self.exchange.stage.passing(f"place.{leg}")
        if self._is_dead():
            outcome: PlaceOutcome = Rejected(Cause.LOGIN, "Incorrect `api_key` or `access_token`.")
        elif refusal := self.exchange.refusal_of(order):
            outcome = Rejected(Cause.FINAL, refusal)
        else:
            outcome = await self._answer(order, answer)
        if isinstance(outcome, Rejected):
            self.exchange.write("refused", order, order.quantity)
        await asyncio.sleep(LATENCY / 2)
        return outcome

    async def _answer(self, request: OrderRequest, answer: str) -> PlaceOutcome:
        exchange, loop = self.exchange, asyncio.get_running_loop()
        word, _, number = answer.rpartition(" ") if answer[-1:].isdigit() else (answer, "", "0")
        seconds = float(number)
        if word == "refuse":
            return Rejected(Cause.TRY_AGAIN, "Too many requests")
        if word == "reject":
            return Rejected(Cause.FINAL, "Insufficient funds")
        if word == "dead login":
            exchange.kill_login(seconds)
            return Rejected(Cause.LOGIN, "Incorrect `api_key` or `access_token`.")
        if word == "authorise":
            exchange.unauthorised_until = exchange.stage.now() + (seconds or 10_000)
        refused = exchange.held_back(request)
        if refused is not None:
            return refused
        if word == "placed later":
            loop.call_later(seconds, self._fill_late, request)
            return Unknown("Order request timed out. Please check the order book and confirm.")
        if word == "lost nothing":
            await asyncio.sleep(CALL_TIMEOUT)
            return Unknown("read timed out")
        order = exchange.place(request, hidden=seconds if word == "late" else 0, account=self.name)
        self._carry_out(order, word)
        if word in ("lost", "late"):
            await asyncio.sleep(CALL_TIMEOUT)
            return Unknown("read timed out")
        return Accepted(order.order_id)

    def _fill_late(self, request: OrderRequest) -> None:
        self.exchange.fill(self.exchange.place(request, account=self.name), request.quantity)

    def _carry_out(self, order: Order, word: str) -> None:
        exchange, loop = self.exchange, asyncio.get_running_loop()
        half, whole = order.request.quantity // 2, order.request.quantity
        if word == "reject later":
            loop.call_later(0.2, exchange.end, order, OrderStatus.REJECTED, "RMS: margin exceeds")
        elif word.startswith("half"):
            exchange.fill(order, max(half, 1))
            if word == "half then rest":
                loop.call_later(3, exchange.fill, order, whole)
            elif word == "half then gone":
                loop.call_later(2, exchange.end, order, OrderStatus.CANCELLED, "cancelled by the exchange")
        elif word == "rest then fill":
            loop.call_later(4, exchange.fill, order, whole)
        elif word == "fill at cancel":
            order.fills_at_cancel = True
        elif word == "stuck":
            order.stuck_until = exchange.stage.now() + 30
        elif word != "rest" and exchange.reaches(order):
            exchange.fill(order, whole)

    async def warm(self) -> None:
        await asyncio.sleep(LATENCY)

    async def cancel(self, broker_order_id: str) -> None:
        action = await self._pass("cancel")
        order = next(order for order in self.exchange.orders if order.order_id == broker_order_id)
        if action == "fill first" or order.fills_at_cancel:
            self.exchange.fill(order, order.request.quantity)
        if action == "refused" or order.status in FINAL:
            raise BrokerRefused("Order cannot be cancelled as it is being processed.")
        if self.exchange.stage.now() >= order.stuck_until:
            self.exchange.end(order, OrderStatus.CANCELLED)

    async def modify(self, broker_order_id: str, price: Decimal) -> None:
        action = await self._pass("modify")
        order = next(order for order in self.exchange.orders if order.order_id == broker_order_id)
        if action == "fill first":
            self.exchange.fill(order, order.request.quantity)
        if action == "refused" or order.status in FINAL:
            raise BrokerRefused("Order cannot be modified as it is being processed. Try later.")
        if action != "lost nothing":
            self.exchange.change(order, price)
        if action in ("lost", "lost nothing"):
            await asyncio.sleep(CALL_TIMEOUT)
            raise BrokerUnavailable("read timed out")

    async def modify_stop(self, broker_order_id: str, stop: StopPrices | None) -> None:
        raise BrokerRefused("This exchange has no orders that rest until a trigger.")

    async def orders(self) -> Listing[BrokerOrder]:
        await self._pass("read.orders")
        now, stage_now = self.exchange.stage.now(), self.exchange.stage.store_now()
        orders = (order for order in self.exchange.orders if order.account == self.name)
        shown = (order for order in orders if order.seen_from <= now)
        rows = (_row(order, stage_now - timedelta(seconds=now - order.placed_at)) for order in shown)
        return Listing(tuple(rows), self.exchange.unreadable())

    async def positions(self) -> Listing[BrokerPosition]:
        await self._pass("read.positions")
        exchange = self.exchange
        unread = exchange.unreadable()
        if not unread:
            exchange.looks[attempt_now.get()] = Look(exchange.stage.now(), exchange.there(exchange.product))
        mine = [(of, found) for (name, of), found in exchange.positions.items() if name == self.name]
        rows = (
            BrokerPosition("NSE", "TCS", product, found.buys - found.sells, found.buys, found.sells)
            for product, found in mine
            if found.buys or found.sells
        )
        return Listing((), unread) if unread else Listing(tuple(rows))

    async def holdings(self, exchange: str, symbol: str) -> int:
        await self._pass("read.holdings")
        return self.exchange.own

    async def holdings_of(self, shares: Collection[Share]) -> HeldShares:
        await self._pass("read.holdings")
        return HeldShares(dict.fromkeys(shares, 0))

    async def margins(self) -> Decimal:
        raise BrokerUnavailable("no order of a day asks for margins")

    async def order_margins(self, orders: Sequence[MarginOrder]) -> Sequence[Decimal]:
        raise BrokerUnavailable("no order of a day asks for margins")

    async def order_charges(self, orders: Sequence[ChargedOrder]) -> Sequence[BrokerCharges]:
        raise BrokerUnavailable("no order of a day asks for charges")

    async def minutes(self, token: int, since: datetime, until: datetime) -> Sequence[Minute]:
        return ()

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        action = await self._pass("read.quotes")
        if action == "price at the stop":
            self.exchange.price = Decimal(3400)
        if action == "no price":
            return {}
        price = self.exchange.price
        now = self.exchange.epoch + timedelta(seconds=self.exchange.stage.now())
        quote = Quote(price, Decimal(2800), Decimal(4200), now.astimezone(UTC))
        return dict.fromkeys(instruments, quote)

    async def _pass(self, point: str) -> str:
        action = await self.exchange.stage.passing(point)
        await asyncio.sleep(LATENCY)
        if self._is_dead():
            raise LoginNeeded("log in at your broker")
        if action == "fail" or self.exchange.dead.get(point, -1) > self.exchange.stage.now():
            raise BrokerUnavailable(f"{point} did not come")
        return action

    def _is_dead(self) -> bool:
        return self.login != self.exchange.login or self.exchange.stage.now() < self.exchange.login_dead_until


@dataclass(eq=False)
class Accounts:
    """Implements `domain.ports.Brokers`: a login known to be dead is not handed out again, and no account in
    place of the one that an order belongs to.
    """

    exchange: Exchange
    known_dead: int = 0
    opened: Account | None = None

    async def of(self, user_id: UUID, account: str) -> Broker:
        connected = self.exchange.connected
        if account and account != connected:
            raise AccountNotConnected(account, connected)
        renewed = self.exchange.stage.now() >= self.exchange.login_dead_until
        stored = self.exchange.login if renewed else self.exchange.login - 1
        if stored <= self.known_dead:
            raise LoginNeeded("log in at your broker")
        if self.opened is None or (self.opened.login, self.opened.name) != (stored, connected):
            self.opened = Account(self.exchange, stored, connected)
        return self.opened

    async def login_died(self, user_id: UUID, broker: Broker) -> None:
        if isinstance(broker, Account):
            self.known_dead = max(self.known_dead, broker.login)


def _row(order: Order, placed_at: datetime) -> BrokerOrder:
    request = order.request
    return BrokerOrder(
        broker_order_id=order.order_id,
        tags=frozenset({request.tag} - {""}),
        exchange=request.terms.exchange,
        symbol=request.terms.symbol,
        product=request.terms.product,
        side=request.side,
        quantity=request.quantity,
        filled_quantity=order.filled,
        average_price=order.value / order.filled if order.filled else None,
        status=order.status,
        message=order.message,
        order_type="MARKET" if order.price is None else "LIMIT",
        price=order.price,
        updated_at=placed_at,
    )
