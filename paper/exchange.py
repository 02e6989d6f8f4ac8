"""The exchange: accounts, the trading day, and the consequences of every change."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from paper.accounts import Account, Accounts
from paper.calendar import Calendar
from paper.clock import Clock
from paper.extra_rows import ExtraRows
from paper.faults import Faults, request_of
from paper.holdings import Holding
from paper.ids import Ids
from paper.instruments import Instrument
from paper.journal import Journal
from paper.ledger import Ledger
from paper.limits import Limits
from paper.market import Market
from paper.matching import MatchingEngine
from paper.orders import COMPLETE, TRIGGER_PENDING, Order
from paper.records import account_record, carried_record, order_record, trade_record
from paper.tape import Tape
from paper.trades import Trade

SWEPT = "Order cancelled by the exchange: no stop orders in the closing auction."
# Hears of every order change that Kite would push; `status` is a terminal one or UPDATE.
Pushed = Callable[[Order, str], None]


class Exchange:
    """The state that REST, feed and control share. Not thread-safe: it lives in one event loop."""

    def __init__(
        self,
        market: Market,
        clock: Clock,
        calendar: Calendar,
        *,
        lenient: bool = False,
        data_dir: Path | None = None,
    ) -> None:
        self.market = market
        self.clock = clock
        self.calendar = calendar
        self.lenient = lenient
        self.accounts = Accounts()
        self.limits = Limits(only_orders=lenient)
        self.ledger = Ledger()
        self.faults = Faults(clock.wall)
        self.rows = ExtraRows()
        self.ids = Ids(clock.wall)
        self.journal = Journal(data_dir)
        self.book = MatchingEngine(market, clock, self.ids, self._booked, self.changed, self._out_of_range)
        self.on_push: list[Pushed] = []
        self.on_complete: list[Callable[[Order], None]] = []
        # Feed faults that drop sockets: of one user, or of all.
        self.on_drop: list[Callable[[str | None], None]] = []
        self.on_token_dead: list[Callable[[Account], None]] = []
        self._changed_orders: dict[str, Order] = {}
        self._new_trades: list[tuple[Trade, str]] = []
        market.on_print.append(self._printed)

    def last(self, instrument: Instrument) -> int:
        """The last price, in paise."""
        return self.market.tape(instrument).last

    def open_account(self, user_id: str | None, cash: int, redirect_url: str = "") -> Account:
        """Open an account, or log an existing one in again; either way with a new access token."""
        account = self.accounts.get(user_id) if user_id else None
        if account is None:
            account = self.accounts.open(user_id, cash, self.clock.today())
        account.redirect_url = redirect_url or account.redirect_url
        self.login(account)
        return account

    def login(self, account: Account) -> None:
        """Log in with a new access token."""
        self._drop_sockets(account)
        self.accounts.login(account, self.clock.wall())
        self.keep_account(account)

    def logout(self, account: Account) -> None:
        """Invalidate the token and drop the sockets opened with it."""
        self._drop_sockets(account)
        self.accounts.kill_token(account)
        self.keep_account(account)

    def keep_account(self, account: Account) -> None:
        self.journal.add("account", account_record(account))
        self.journal.flush()

    def touch(self, order: Order) -> None:
        """Mark an order for the next commit, and list it in the account."""
        self._changed_orders[order.order_id] = order
        account = self.accounts.get(order.user_id)
        if account is None:
            return
        account.orders[order.order_id] = order
        if order.is_live:
            account.live[order.order_id] = order
        else:
            account.live.pop(order.order_id, None)

    def commit(self) -> None:
        """Write every change since the last commit to the OS, in one write."""
        if self.journal.keeps:
            for order in self._changed_orders.values():
                self.journal.add("order", order_record(order))
            for trade, user_id in self._new_trades:
                self.journal.add("trade", trade_record(trade, user_id))
            self.journal.flush()
        self._changed_orders.clear()
        self._new_trades.clear()

    def answered(self, order: Order) -> None:
        """Record that the whole answer to a placement was sent."""
        order.answered = True
        if self.journal.keeps:
            # Nothing waits for this line: those of one turn of the loop go out together.
            self.journal.add("answered", {"id": order.order_id})
            asyncio.get_running_loop().call_soon(self.journal.flush)

    def visible(self, visible_at: float) -> bool:
        """Tell whether the books show an order that is hidden until an instant."""
        return not visible_at or visible_at <= self.clock.wall()

    def roll(self, account: Account) -> None:
        """Begin a new trading day: empty today's book, settle shares, carry the rest."""
        today = self.clock.today()
        if account.day == today:
            return
        for order in list(account.live.values()):
            if order.variety != "amo":
                self.book.cancel(order, self.market.tape(order.instrument))
        self._settle(account)
        kept = dict(account.live)
        account.orders, account.live, account.trades = kept, dict(kept), []
        account.day = today
        self.commit()
        self.journal.add("day", carried_record(account))
        self.journal.flush()

    def _settle(self, account: Account) -> None:
        for holding in account.holdings.values():
            holding.quantity, holding.t1, holding.used = holding.quantity + holding.t1, 0, 0
        for key, position in list(account.positions.items()):
            tape = self.market.tape(position.instrument)
            if position.product == "CNC":
                account.cash -= position.day_buy_value - position.day_sell_value
                self._deliver(account, position.instrument, position.net, position.buy_value, position.buys)
                del account.positions[key]
                continue
            account.cash += position.realised
            if position.product == "NRML" and position.net:
                position.carry(tape.last)
                continue
            # Intraday is squared off by the broker before the day ends.
            account.cash += position.net * tape.last - (
                position.open_value if position.net > 0 else -position.open_value
            )
            del account.positions[key]

    def _deliver(
        self, account: Account, instrument: Instrument, net: int, bought: int, quantity: int
    ) -> None:
        key = (instrument.exchange, instrument.symbol)
        holding = account.holdings.get(key)
        if net > 0:
            holding = account.holdings.setdefault(key, Holding(instrument, 0, 0))
            holding.t1 += net
            holding.value += bought * net // quantity
        elif net < 0 and holding is not None:
            holding.value -= holding.value * -net // max(holding.sellable, 1)
            holding.quantity -= -net
            if holding.quantity <= 0:
                del account.holdings[key]

    def sweep(self, order: Order) -> None:
        """Cancel a stop that waits for its trigger, as the exchange does before the closing auction."""
        if order.status == TRIGGER_PENDING:
            self.book.cancel(order, self.market.tape(order.instrument), SWEPT)
            self.commit()

    def _out_of_range(self, order: Order) -> bool:
        """Tell whether a fault has the exchange cancel a stop that was just triggered."""
        if not self.faults.any:
            return False
        return self.faults.take("exchange", request_of(order), "cancel_17070") is not None

    def _printed(self, tape: Tape) -> None:
        self.book.printed(tape)
        self.commit()

    def _booked(self, order: Order, trade: Trade) -> None:
        account = self.accounts.get(order.user_id)
        if account is None:
            return
        account.trades.append(trade)
        self._new_trades.append((trade, order.user_id))
        apply_trade(account, trade)

    def changed(self, order: Order, status: str) -> None:
        """Follow up a change: the account's lists, a cover order's second leg, the user's sockets."""
        self.touch(order)
        if status == COMPLETE:
            for complete in self.on_complete:
                complete(order)
        if order.visible_at and not self.visible(order.visible_at):
            wait = order.visible_at - self.clock.wall()
            asyncio.get_running_loop().call_later(wait, self._push, order, status)
        else:
            self._push(order, status)

    def _push(self, order: Order, status: str) -> None:
        for pushed in self.on_push:
            pushed(order, status)

    def _drop_sockets(self, account: Account) -> None:
        for dead in self.on_token_dead:
            dead(account)


def apply_trade(account: Account, trade: Trade) -> None:
    """Book a fill into the positions, and into the holdings it sells from."""
    position = account.position(trade.instrument, trade.product)
    position.fill(trade.side, trade.quantity, trade.price)
    if trade.product == "CNC":
        holding = account.holdings.get((trade.instrument.exchange, trade.instrument.symbol))
        if holding is not None:
            holding.used = max(0, -position.net)
