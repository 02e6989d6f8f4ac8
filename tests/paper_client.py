"""Kite's own client on a paper exchange, and the orders that tests place with it."""

from typing import Any

from kiteconnect import KiteConnect

from tests.paper_process import PaperAccount, PaperProcess


def client(paper: PaperProcess, account: PaperAccount) -> KiteConnect:
    return KiteConnect(account.api_key, account.access_token, root=paper.url)


def buy(kite: KiteConnect, symbol: str = "TCS", quantity: int = 1, **changed: Any) -> str:
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": symbol,
        "transaction_type": "BUY",
        "quantity": quantity,
        "product": "CNC",
        "order_type": "MARKET",
        "market_protection": -1,
    }
    order_id: str = kite.place_order(**(order | changed))
    return order_id


def place(kite: KiteConnect, **changed: Any) -> str:
    """Place an order, ten of TCS intraday unless told; return its id."""
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "TCS",
        "transaction_type": "BUY",
        "quantity": 10,
        "product": "MIS",
        "order_type": "MARKET",
    } | changed
    if order["order_type"] in ("MARKET", "SL-M"):
        order.setdefault("market_protection", -1)
    order_id: str = kite.place_order(**order)
    return order_id


def limit(kite: KiteConnect, price: float, symbol: str = "TCS", **changed: Any) -> str:
    resting = {"order_type": "LIMIT", "price": price, "market_protection": None}
    asked: dict[str, Any] = {"tradingsymbol": symbol, **resting, **changed}
    return buy(kite, **asked)
