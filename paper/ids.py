"""Generates ids in Kite's formats."""

import secrets
from collections.abc import Callable

# Kite's ids since August 2025 count milliseconds from here, 22 bits to the left: 19 digits as a string.
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
FIRST_TRADE = 10_000_000


class Ids:
    """Increasing ids, never the same twice, over restarts too."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._last = 0
        self._trades = FIRST_TRADE
        self._guid = secrets.token_hex(4)

    def order(self) -> str:
        """Return a 19-digit order id."""
        moment = (int(self._wall() * 1000) - SNOWFLAKE_EPOCH_MS) << 22
        self._last = max(self._last + 1, moment)
        return str(self._last)

    def exchange_order(self) -> str:
        """Return the exchange's own number for an order."""
        return "1" + self.order()[4:]

    def trade(self) -> str:
        """Return a trade id."""
        self._trades += 1
        return str(self._trades)

    def guid(self, order_id: str) -> str:
        """Return the request id that Kite shows and that identifies no order."""
        return f"{self._guid}X{order_id[-12:]}"

    def seen(self, order_id: str) -> None:
        """Continue after an order id from the journal."""
        self._last = max(self._last, int(order_id))

    def seen_trade(self, trade_id: str) -> None:
        self._trades = max(self._trades, int(trade_id))
