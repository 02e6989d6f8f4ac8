"""The hands of others on the account: its user's in the broker's app, and the broker's own.

A hand is an event of the day, written as words: `HAND 4` sells four shares in the broker's app. What it did
is in the exchange's ledger, as nobody's order.

- the user: `HAND`, `HAND 4` (sells all, four), `HAND BUY 4`, `HAND CONVERT`, `HAND CONVERT 4` (to the other
  product), `HAND CONVERT BACK` (and back three seconds later), `HAND CANCEL` (every open order),
  `HAND LOGIN 3` (logs in elsewhere, and here again 3 s later), `HAND SWITCH`, `HAND SWITCH 10` (connects
  another account, for good or for so long);
- the broker: `BROKER SQUARE OFF` (everything MIS), `BROKER REFUSE` (each sale, for good), `BROKER LOT 7`,
  `BROKER ROWS 20`, `BROKER ROW 20` (no row, or none of our symbol, can be read for so long).
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from domain.order import FINAL, OrderRequest, OrderStatus, OrderTerms, Side
from domain.strategy import Product
from tests.simulation.exchange import ANOTHER, OURS, Entry, Exchange, Order

EVERYTHING = 1000
BACK_AFTER = 3.0
"""Seconds after which what was converted is converted back."""
FOR_GOOD = 10_000.0
REFUSAL = "Your order could not be placed: this product is blocked for your account."


class Stage(Protocol):
    """What the hands ask of the day they are part of."""

    def now(self) -> float: ...


class Others:
    """Does what others do; every method returns how many shares it moved, 0 where there was nothing to do."""

    def __init__(self, stage: Stage, exchange: Exchange) -> None:
        self._stage = stage
        self._exchange = exchange
        self._doings: dict[str, Callable[[int], int]] = {
            "HAND": self.sell,
            "HAND BUY": self.buy,
            "HAND CONVERT": self.convert,
            "HAND CONVERT BACK": self.convert_and_back,
            "HAND CANCEL": self.cancel,
            "HAND LOGIN": self.log_in_elsewhere,
            "HAND SWITCH": self.switch,
            "BROKER SQUARE OFF": self.square_off,
            "BROKER REFUSE": self.refuse,
            "BROKER LOT": self.change_the_lot,
            "BROKER ROWS": lambda seconds: self.garble(None, seconds),
            "BROKER ROW": lambda seconds: self.garble("TCS", seconds),
        }

    def do(self, words: str) -> str:
        """Do what the words say; return them with what was really done, empty where nothing could be."""
        what, _, number = words.rpartition(" ") if words[-1:].isdigit() else (words, "", "0")
        done = self._doings[what](int(number))
        return f"{what} {done}" if done else ""

    def sell(self, quantity: int) -> int:
        """Sell so many shares of our product, or all there are."""
        return self._trade("by hand", Side.SELL, quantity or EVERYTHING)

    def buy(self, quantity: int) -> int:
        return self._trade("by hand", Side.BUY, quantity)

    def convert(self, quantity: int) -> int:
        """Convert shares that were bought today from our product to the other one."""
        return self._convert(self._exchange.product, quantity or EVERYTHING)

    def convert_and_back(self, _: int) -> int:
        moved = self._convert(self._exchange.product, EVERYTHING)
        if moved:
            other = _other(self._exchange.product)
            asyncio.get_running_loop().call_later(BACK_AFTER, self._convert, other, moved)
        return moved

    def cancel(self, _: int) -> int:
        """Cancel every open order of the account."""
        open_ = [one for one in self._exchange.orders if one.account == OURS and one.status not in FINAL]
        for order in open_:
            self._exchange.end(order, OrderStatus.CANCELLED, "cancelled by the user")
        return len(open_)

    def log_in_elsewhere(self, seconds: int) -> int:
        """Log in elsewhere: the access token dies; the user logs in here again so many seconds later."""
        self._exchange.kill_login(seconds)
        return seconds

    def switch(self, seconds: int) -> int:
        """Connect the other account, for good or for so many seconds; each connection is a new login."""
        self._connect(ANOTHER)
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self._connect, OURS)
        return seconds or int(FOR_GOOD)

    def square_off(self, _: int) -> int:
        """Cancel what is open in MIS, and sell what is held in it, as the risk desk does."""
        if self._exchange.product is Product.MIS:
            self.cancel(0)
        return self._trade("squared off", Side.SELL, EVERYTHING, Product.MIS)

    def refuse(self, _: int) -> int:
        self._exchange.refuses = REFUSAL
        return 1

    def change_the_lot(self, lot: int) -> int:
        self._exchange.lot = lot
        return lot

    def garble(self, symbol: str | None, seconds: int) -> int:
        """Add a row to the order and position books that cannot be read: of a symbol, or of none."""
        self._exchange.unread = frozenset({symbol})
        self._exchange.unread_until = self._stage.now() + seconds
        return seconds

    def _trade(self, what: str, side: Side, quantity: int, product: Product | None = None) -> int:
        exchange, product = self._exchange, product or self._exchange.product
        if side is Side.SELL:
            quantity = min(quantity, exchange.there(product))
        if quantity <= 0:
            return 0
        now, number = self._stage.now(), len(exchange.orders)
        request = OrderRequest(OrderTerms("NSE", "TCS", product), side, quantity, f"NOT OURS {number}")
        order = Order(str(1001 + number), request, now, now, OURS, OrderStatus.COMPLETE, quantity)
        exchange.orders.append(order)
        exchange.position(OURS, product).add(side, quantity)
        if product is exchange.product:
            exchange.ledger.append(Entry(now, what, side, request.tag, quantity, order.order_id))
        return quantity

    def _convert(self, old: Product, quantity: int) -> int:
        exchange, new = self._exchange, _other(old)
        position = exchange.position(OURS, old)
        quantity = min(quantity, position.buys - position.sells)
        if quantity <= 0:
            return 0
        position.add(Side.SELL, quantity)
        exchange.position(OURS, new).add(Side.BUY, quantity)
        side = Side.SELL if old is exchange.product else Side.BUY
        exchange.ledger.append(Entry(self._stage.now(), "converted", side, "", quantity))
        return quantity

    def _connect(self, account: str) -> None:
        self._exchange.connected = account
        self._exchange.kill_login(0)


def _other(product: Product) -> Product:
    return Product.MIS if product is Product.CNC else Product.CNC
