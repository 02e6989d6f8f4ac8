"""Acts on an account as the broker's own app or its risk system does, without the account's access token.

What a hand does is an ordinary order, cancellation, conversion or login of the account: it goes through the
order service, so it shows in the order book, the trades, the positions, the order updates, the ledger and
the journal. Its orders carry no tag and count against no rate limit. A fault strikes them only when its
`path` is that of the hands.
"""

from collections.abc import Callable
from typing import Any

from paper.accounts import Account
from paper.control_input import Spec, read_instrument, read_quantity, read_text
from paper.conversion import convert_now
from paper.exchange import Exchange
from paper.faults import Request
from paper.instruments import Instrument
from paper.kite_error import KiteError, bad_order
from paper.money import average
from paper.order_service import OrderFaults, OrderService
from paper.orders import Order
from paper.positions import Position

PATH = "/_paper/hand"
INTRADAY = "MIS"
Done = dict[str, Any]


class Hands:
    """`POST /_paper/hand`: sell, buy, convert, square_off, cancel, login_elsewhere."""

    def __init__(self, exchange: Exchange, order_service: OrderService) -> None:
        self._exchange = exchange
        self._order_service = order_service
        self._actions: dict[str, Callable[[Account, Spec, float], Done]] = {
            "sell": self._sell,
            "buy": self._buy,
            "convert": self._convert,
            "square_off": self._square_off,
            "cancel": self._cancel,
            "login_elsewhere": self._login_elsewhere,
        }

    def act(self, spec: Spec, received_at: float) -> Done:
        """Do what `action` says; return what was done.

        Raises ValueError for a spec that is none, KiteError with the refusal's reason: nothing was done.
        """
        action = self._actions.get(read_text(spec, "action"))
        if action is None:
            raise ValueError(f"`action` is one of {', '.join(self._actions)}.")
        account = self._exchange.accounts.get(read_text(spec, "user_id"))
        if account is None:
            raise KiteError(404, "", "There is no such account; POST /_paper/accounts makes one.")
        self._exchange.roll(account)
        return {"user_id": account.user_id, "action": spec["action"]} | action(account, spec, received_at)

    def _sell(self, account: Account, spec: Spec, received_at: float) -> Done:
        return self._trade(account, spec, "SELL", received_at)

    def _buy(self, account: Account, spec: Spec, received_at: float) -> Done:
        return self._trade(account, spec, "BUY", received_at)

    def _trade(self, account: Account, spec: Spec, side: str, received_at: float) -> Done:
        instrument = read_instrument(spec, self._exchange.market.listing)
        quantity, product = read_quantity(spec), read_text(spec, "product")
        self._check_open(instrument)
        return _row(self._order(account, instrument, side, product, quantity, received_at))

    def _convert(self, account: Account, spec: Spec, received_at: float) -> Done:
        instrument = read_instrument(spec, self._exchange.market.listing)
        quantity, old, new = read_quantity(spec), read_text(spec, "from"), read_text(spec, "to")
        self._check_open(instrument)
        side = "BUY" if account.net(instrument, old) >= 0 else "SELL"
        convert_now(self._exchange, account, instrument, side, quantity, old, new)
        return _name(instrument) | {"from": old, "to": new, "quantity": quantity}

    def _square_off(self, account: Account, spec: Spec, received_at: float) -> Done:
        """Cancel the open intraday orders, then close the positions; `left` are those of a closed market."""
        held = [p for p in account.positions.values() if p.product == INTRADAY and p.net]
        trading = [position for position in held if self._is_open(position.instrument)]
        if held and not trading:
            self._check_open(held[0].instrument)
        cancelled = self._cancel_intraday(account)
        orders = [order for position in trading for order in self._close(account, position, received_at)]
        return {
            "cancelled": cancelled,
            "orders": [_row(order) for order in orders],
            "left": [_name(position.instrument) for position in held if position not in trading],
        }

    def _cancel(self, account: Account, spec: Spec, received_at: float) -> Done:
        order_id = self._order_service.cancel(account, read_text(spec, "order_id"))
        return _row(self._order_service.find(account, order_id))

    def _login_elsewhere(self, account: Account, spec: Spec, received_at: float) -> Done:
        """End the token and its sockets, as a login of the same app on another machine does."""
        self._exchange.logout(account)
        return {"token": "dead"}

    def _cancel_intraday(self, account: Account) -> list[str]:
        live = [order.order_id for order in account.live.values() if order.product == INTRADAY]
        return [self._order_service.cancel(account, order_id) for order_id in live]

    def _close(self, account: Account, position: Position, received_at: float) -> list[Order]:
        """Close a position by as many orders as the freeze quantity asks for."""
        instrument, side = position.instrument, "SELL" if position.net > 0 else "BUY"
        most = instrument.freeze // instrument.lot * instrument.lot or abs(position.net)
        orders = []
        while left := abs(position.net):
            orders.append(self._order(account, instrument, side, INTRADAY, min(left, most), received_at))
            if orders[-1].open_quantity:
                break
        return orders

    def _order(
        self,
        account: Account,
        instrument: Instrument,
        side: str,
        product: str,
        quantity: int,
        received_at: float,
    ) -> Order:
        """Place a market order within Kite's own band; the other side is one tick away, it fills at once."""
        form = {
            "exchange": instrument.exchange,
            "tradingsymbol": instrument.symbol,
            "transaction_type": side,
            "quantity": str(quantity),
            "product": product,
            "order_type": "MARKET",
            "market_protection": "-1",
        }
        ticket = self._order_service.check(account, form, "regular")
        request = Request(account.user_id, PATH, True, side, instrument.symbol, by_hand=True)
        take = self._exchange.faults.take
        faults = OrderFaults(take("book", request), take("fill", request))
        order = self._order_service.place(account, ticket, received_at, faults)
        self._exchange.answered(order)
        return order

    def _is_open(self, instrument: Instrument) -> bool:
        return self._exchange.calendar.is_open(self._exchange.clock.now(), instrument)

    def _check_open(self, instrument: Instrument) -> None:
        if not self._is_open(instrument):
            now = self._exchange.clock.iso()
            raise bad_order(f"The market is closed for {instrument.exchange}:{instrument.symbol} at {now}.")


def _name(instrument: Instrument) -> Done:
    return {"exchange": instrument.exchange, "symbol": instrument.symbol}


def _row(order: Order) -> Done:
    return _name(order.instrument) | {
        "order_id": order.order_id,
        "transaction_type": order.side,
        "product": order.product,
        "quantity": order.quantity,
        "filled_quantity": order.filled,
        "average_price": average(order.filled_value, order.filled),
        "status": order.status,
        "status_message": order.status_message,
    }
