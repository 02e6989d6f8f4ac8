"""Displays the demo: a timeline that scrolls, and below it the state of both strategies."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from local.demo_client import Json
from local.demo_stage import EXCHANGE_TIME
from local.terminal import Terminal

_STYLES = {"TCS": "cyan", "INFY": "magenta"}


class Board:
    """Plain lines without a terminal, with a live line below them in one."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._live: Live | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        if not self._terminal.console.is_terminal:
            yield
            return
        with Live(console=self._terminal.console, refresh_per_second=4, transient=True) as self._live:
            yield
        self._live = None

    def entry(self, symbol: str, at: datetime, text: str) -> None:
        """One line of the timeline, in exchange time."""
        clock = at.astimezone(EXCHANGE_TIME).strftime("%H:%M:%S.%f")[:-3]
        line = Text.assemble(f"  {clock}  ", (f"{symbol:<6}", _STYLES.get(symbol, "")), f"  {text}")
        self._terminal.console.print(line, soft_wrap=True)

    def say(self, text: str) -> None:
        """Print a sentence of the story."""
        self._terminal.line(text)

    def killed(self, pid: int) -> None:
        """Tell that the worker is gone, and what that would mean elsewhere."""
        self._terminal.alert(
            f"The worker, which would sell them, is killed: kill -9 {pid}. Another one starts and goes on."
        )

    def ledger(self, orders: Sequence[Json]) -> None:
        """Tell what the exchange's own book says of the account's orders, which it keeps without us."""
        counted = Counter(
            (one["tradingsymbol"], one["transaction_type"], one["filled_quantity"]) for one in orders
        )
        words = [
            f"{number} × {side} {quantity} {symbol}" for (symbol, side, quantity), number in counted.items()
        ]
        self._terminal.line(f"The exchange's own book: {', '.join(sorted(words))}.")

    def show_strategies(self, strategies: Sequence[Json]) -> None:
        """Replace the live line."""
        if self._live is not None:
            self._live.update(Text("  ").append(Text("   ·   ").join(_standing(one) for one in strategies)))

    def summary(self, strategies: Sequence[Json], orders: Mapping[str, Sequence[Json]]) -> None:
        """The end of the story, one row a strategy."""
        table = Table(title="What happened", title_justify="left")
        for name in ("symbol", "outcome", "bought at", "sold at", "after charges", "BUY late", "SELL late"):
            table.add_column(name, justify="left" if name in ("symbol", "outcome") else "right")
        for strategy in strategies:
            legs = {order["leg"]: order for order in reversed(orders[strategy["strategy_id"]])}
            table.add_row(
                strategy["symbol"],
                str(strategy["outcome"] or f"still {strategy['phase']}"),
                _money(strategy["entry_price"]),
                _money(strategy["exit_price"]),
                _signed(strategy["net_pnl"]),
                _milliseconds(legs.get("entry")),
                _milliseconds(legs.get("exit")),
            )
        self._terminal.console.print(table)
        profits = [one["net_pnl"] for one in strategies]
        if None not in profits:
            total = sum((Decimal(str(profit)) for profit in profits), Decimal(0))
            self._terminal.line(f"Both together: {_signed(total)} rupees of paper money, after charges.")


def _standing(strategy: Json) -> Text:
    symbol = strategy["symbol"]
    text = Text(symbol, style=_STYLES.get(symbol, ""))
    text.append(f" {_money(strategy.get('last_price'))}  {strategy.get('phase') or ''}", style="default")
    if strategy.get("pnl") is not None:
        pnl = Decimal(str(strategy["pnl"]))
        text.append(f"  {_signed(pnl)}", style="green" if pnl >= 0 else "red")
    return text


def _milliseconds(order: Json | None) -> str:
    late = None if order is None else order.get("lateness_ms")
    return "–" if late is None else f"{Decimal(str(late)):.0f} ms"


def _money(value: Any) -> str:
    return "–" if value is None else f"{Decimal(str(value)):,.2f}"


def _signed(value: Any) -> str:
    return "–" if value is None else f"{Decimal(str(value)):+,.2f}"
