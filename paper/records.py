"""Converts accounts, orders and trades to journal lines and back."""

from operator import attrgetter
from typing import Any

from paper.accounts import Account
from paper.holdings import Holding
from paper.instruments import Instrument, Listing
from paper.orders import Order, Snapshot
from paper.positions import Position
from paper.trades import Trade

Record = dict[str, Any]

ORDER_FIELDS = tuple(name for name in Order.__slots__ if name not in ("instrument", "history", "cached_row"))
TRADE_FIELDS = tuple(name for name in Trade._fields if name != "instrument")
# All fields in one call: every accepted order pays for this line.
_order_values = attrgetter(*ORDER_FIELDS)
_trade_values = attrgetter(*TRADE_FIELDS)


def account_record(account: Account) -> Record:
    """Return keys, token, cash and carried positions; today's trades have lines of their own."""
    return {
        "user_id": account.user_id,
        "api_key": account.api_key,
        "api_secret": account.api_secret,
        "access_token": account.access_token,
        "login_at": account.login_at,
        "redirect_url": account.redirect_url,
        "cash": account.cash,
        "day": account.day,
    }


def carried_record(account: Account) -> Record:
    """Return the account at the start of a day: positions carried and holdings."""
    return account_record(account) | {
        "positions": [
            [*_name(p.instrument), p.product, p.overnight, p.overnight_value, p.carried_close]
            for p in account.positions.values()
        ],
        "holdings": [[*_name(h.instrument), h.quantity, h.value, h.t1] for h in account.holdings.values()],
    }


def read_account(record: Record) -> Account:
    """Return an account as it was opened or logged in."""
    names = (
        "user_id",
        "api_key",
        "api_secret",
        "access_token",
        "login_at",
        "redirect_url",
        "cash",
        "day",
    )
    return Account(**{name: record[name] for name in names if name in record})


def read_carried(account: Account, record: Record, listing: Listing) -> None:
    """Restore an account to the start of a day."""
    account.cash, account.day = record["cash"], record["day"]
    account.orders.clear()
    account.live.clear()
    account.trades.clear()
    account.positions.clear()
    account.holdings.clear()
    for exchange, symbol, product, *carried in record["positions"]:
        if instrument := listing.find(exchange, symbol):
            account.positions[exchange, symbol, product] = Position(instrument, product, *carried)
    for exchange, symbol, *held in record["holdings"]:
        if instrument := listing.find(exchange, symbol):
            account.holdings[exchange, symbol] = Holding(instrument, *held)


def order_record(order: Order) -> Record:
    """Return an order with its whole history."""
    record: Record = dict(zip(ORDER_FIELDS, _order_values(order), strict=True))
    record["at"] = _name(order.instrument)
    record["history"] = list(map(tuple, order.history))
    return record


def read_order(record: Record, listing: Listing) -> Order | None:
    """Return the order, None when its instrument is not listed any more."""
    instrument = listing.find(*record["at"])
    if instrument is None:
        return None
    # A field that a newer version added is absent from older lines and takes its default.
    values = {name: record[name] for name in ORDER_FIELDS if name in record}
    history = [Snapshot(*line) for line in record["history"]]
    return Order(instrument=instrument, history=history, **values)


def trade_record(trade: Trade, user_id: str) -> Record:
    record: Record = dict(zip(TRADE_FIELDS, _trade_values(trade), strict=True))
    record["user_id"] = user_id
    record["at_name"] = _name(trade.instrument)
    return record


def read_trade(record: Record, listing: Listing) -> Trade | None:
    """Return the trade, None when its instrument is not listed any more."""
    instrument = listing.find(*record["at_name"])
    if instrument is None:
        return None
    return Trade(instrument=instrument, **{name: record[name] for name in TRADE_FIELDS})


def _name(instrument: Instrument) -> list[str]:
    return [instrument.exchange, instrument.symbol]
