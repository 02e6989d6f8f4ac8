"""Replays the journal, so that the exchange continues where it stopped."""

from typing import Any

from paper.accounts import Account
from paper.conversion import convert
from paper.exchange import Exchange, apply_trade
from paper.orders import AMO_RECEIVED, Order
from paper.records import read_account, read_carried, read_order, read_trade

Record = dict[str, Any]


class Restore:
    """Replays the lines in order; later lines of one order replace earlier ones."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._orders: dict[str, Order] = {}
        # Price controls, kept for the market to take up again: the exchange has no loop yet.
        self.prices: dict[tuple[str, str], Record] = {}
        self.has_origin = False
        self.gtts: dict[int, Record] = {}

    def run(self) -> None:
        """Replay everything, then put live orders back into the book."""
        for record in self._exchange.journal.read():
            handler = getattr(self, "_" + record["k"], None)
            if handler is not None:
                handler(record)
        self._put_back()
        if not self.has_origin:
            self._exchange.journal.add("origin", {"at": self._exchange.market.origin})
            self._exchange.journal.flush()

    def _account(self, record: Record) -> None:
        accounts = self._exchange.accounts
        fresh = read_account(record)
        known = accounts.get(fresh.user_id)
        if known is None:
            accounts.add(fresh)
            return
        accounts.kill_token(known)
        known.access_token, known.login_at = fresh.access_token, fresh.login_at
        known.redirect_url = fresh.redirect_url
        accounts.add(known)

    def _day(self, record: Record) -> None:
        account = self._exchange.accounts.get(record["user_id"])
        if account is not None:
            read_carried(account, record, self._exchange.market.listing)

    def _order(self, record: Record) -> None:
        order = read_order(record, self._exchange.market.listing)
        if order is not None:
            known = self._orders.get(order.order_id)
            order.answered = order.answered or (known is not None and known.answered)
            self._orders[order.order_id] = order

    def _answered(self, record: Record) -> None:
        if order := self._orders.get(record["id"]):
            order.answered = True

    def _trade(self, record: Record) -> None:
        trade = read_trade(record, self._exchange.market.listing)
        account = self._exchange.accounts.get(record["user_id"])
        if trade is None or account is None:
            return
        self._exchange.ids.seen_trade(trade.trade_id)
        account.trades.append(trade)
        apply_trade(account, trade)

    def _convert(self, record: Record) -> None:
        account = self._exchange.accounts.get(record["user_id"])
        instrument = self._exchange.market.listing.find(*record["at"])
        if account is not None and instrument is not None:
            convert(
                account,
                instrument,
                record["side"],
                record["quantity"],
                record["old"],
                record["new"],
                record["price"],
            )

    def _origin(self, record: Record) -> None:
        # The walks go on from where they started, not from today's listing prices.
        self.has_origin = True
        self._exchange.market.origin = record["at"]

    def _price(self, record: Record) -> None:
        self.prices[record["exchange"], record["symbol"]] = record

    def _gtt(self, record: Record) -> None:
        self.gtts[record["trigger_id"]] = record

    def _put_back(self) -> None:
        exchange = self._exchange
        for order in sorted(self._orders.values(), key=lambda order: order.placed_at):
            exchange.ids.seen(order.order_id)
            exchange.ledger.add(order)
            account = exchange.accounts.get(order.user_id)
            if account is None or (order.day != account.day and not order.is_live):
                continue
            self._hang_in(account, order)

    def _hang_in(self, account: Account, order: Order) -> None:
        account.orders[order.order_id] = order
        if order.is_live:
            account.live[order.order_id] = order
            if not order.stuck and order.status != AMO_RECEIVED:
                self._exchange.book.rest(order, self._exchange.market.tape(order.instrument))
