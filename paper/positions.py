"""Positions of one account, with the identities between Kite's 29 fields."""

from dataclasses import dataclass
from typing import Any

from paper.instruments import Instrument
from paper.money import average, rupees


@dataclass(slots=True, eq=False)
class Position:
    """The carried and today's traded quantities of one instrument and product; values in paise."""

    instrument: Instrument
    product: str
    overnight: int = 0
    # Value of the carried quantity at its own average price, positive also for a short.
    overnight_value: int = 0
    # Close before the carried quantity was carried, for m2m.
    carried_close: int = 0
    day_buys: int = 0
    day_buy_value: int = 0
    day_sells: int = 0
    day_sell_value: int = 0

    @property
    def net(self) -> int:
        return self.overnight + self.day_buys - self.day_sells

    @property
    def buys(self) -> int:
        return self.day_buys + max(self.overnight, 0)

    @property
    def sells(self) -> int:
        return self.day_sells + max(-self.overnight, 0)

    @property
    def buy_value(self) -> int:
        return self.day_buy_value + (self.overnight_value if self.overnight > 0 else 0)

    @property
    def sell_value(self) -> int:
        return self.day_sell_value + (self.overnight_value if self.overnight < 0 else 0)

    @property
    def open_value(self) -> int:
        """The value of the open quantity at its average price."""
        if self.net > 0:
            return self.buy_value * self.net // self.buys
        return self.sell_value * -self.net // self.sells if self.net < 0 else 0

    @property
    def realised(self) -> int:
        """The profit of the closed quantity."""
        open_value = self.open_value if self.net > 0 else -self.open_value
        return self.sell_value - self.buy_value + open_value

    def fill(self, side: str, quantity: int, price: int) -> None:
        """Add one trade."""
        if side == "BUY":
            self.day_buys += quantity
            self.day_buy_value += quantity * price
        else:
            self.day_sells += quantity
            self.day_sell_value += quantity * price

    def carry(self, close: int) -> None:
        """Turn today's net into the next day's overnight quantity."""
        value, net = self.open_value, self.net
        self.overnight, self.overnight_value, self.carried_close = net, value, close
        self.day_buys = self.day_buy_value = self.day_sells = self.day_sell_value = 0


def net_row(position: Position, last: int, close: int) -> dict[str, Any]:
    """Return the row of `net`: the current position."""
    overnight_m2m = abs(position.overnight) * close
    return _row(
        position,
        last,
        close,
        quantity=position.net,
        overnight=position.overnight,
        buys=(position.buys, position.buy_value),
        sells=(position.sells, position.sell_value),
        buy_m2m=position.day_buy_value + (overnight_m2m if position.overnight > 0 else 0),
        sell_m2m=position.day_sell_value + (overnight_m2m if position.overnight < 0 else 0),
    )


def day_row(position: Position, last: int, close: int) -> dict[str, Any]:
    """Return the row of `day`: today's trades alone."""
    return _row(
        position,
        last,
        close,
        quantity=position.day_buys - position.day_sells,
        overnight=0,
        buys=(position.day_buys, position.day_buy_value),
        sells=(position.day_sells, position.day_sell_value),
        buy_m2m=position.day_buy_value,
        sell_m2m=position.day_sell_value,
    )


def _row(
    position: Position,
    last: int,
    close: int,
    *,
    quantity: int,
    overnight: int,
    buys: tuple[int, int],
    sells: tuple[int, int],
    buy_m2m: int,
    sell_m2m: int,
) -> dict[str, Any]:
    value = sells[1] - buys[1]
    pnl = value + quantity * last
    buy_price, sell_price = average(buys[1], buys[0]), average(sells[1], sells[0])
    return {
        "tradingsymbol": position.instrument.symbol,
        "exchange": position.instrument.exchange,
        "instrument_token": position.instrument.token,
        "product": position.product,
        "quantity": quantity,
        "overnight_quantity": overnight,
        # Futures and options are counted in units here, as Kite does outside commodities.
        "multiplier": 1,
        "average_price": buy_price if quantity > 0 else sell_price if quantity < 0 else 0,
        "close_price": rupees(close),
        "last_price": rupees(last),
        "value": rupees(value),
        "pnl": rupees(pnl),
        "m2m": rupees(sell_m2m - buy_m2m + quantity * last),
        "unrealised": rupees(pnl),
        "realised": 0,
        "buy_quantity": buys[0],
        "buy_price": buy_price,
        "buy_value": rupees(buys[1]),
        "buy_m2m": rupees(buy_m2m),
        "sell_quantity": sells[0],
        "sell_price": sell_price,
        "sell_value": rupees(sells[1]),
        "sell_m2m": rupees(sell_m2m),
        "day_buy_quantity": position.day_buys,
        "day_buy_price": average(position.day_buy_value, position.day_buys),
        "day_buy_value": rupees(position.day_buy_value),
        "day_sell_quantity": position.day_sells,
        "day_sell_price": average(position.day_sell_value, position.day_sells),
        "day_sell_value": rupees(position.day_sell_value),
    }
