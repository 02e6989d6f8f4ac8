"""Builds our requests as the official client does: its routes, its parameters, their order.

`tests/contract/test_kite_requests.py` compares each with what the unmodified client sends.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote, quote_plus, urlencode

from kiteconnect import KiteConnect
from kiteconnect.__version__ import __title__, __version__

from domain.broker_charges import ChargedOrder
from domain.margin import MarginOrder
from domain.money import decimal_text
from domain.order import OrderRequest
from domain.session import EXCHANGE_ZONE
from domain.stop_prices import OrderKind, StopPrices

ROUTES: dict[str, str] = KiteConnect._routes
KITE_VERSION: str = KiteConnect.kite_header_version
USER_AGENT = f"{f'{__title__}-python/'.capitalize()}{__version__}"


@dataclass(frozen=True, slots=True)
class KiteRequest:
    """One request. `target` is path and query; `form` or `json` a body, already encoded.

    `picked` names the one field of `data` that the client returns.
    """

    method: str
    target: str = field(repr=False)
    form: str | None = field(default=None, repr=False)
    picked: str | None = None
    json: str | None = field(default=None, repr=False)


_PLACE = ROUTES["order.place"].format(variety=KiteConnect.VARIETY_REGULAR)
_MARKET = f"order_type={KiteConnect.ORDER_TYPE_MARKET}&validity={KiteConnect.VALIDITY_DAY}"
# Without market_protection the exchange's members refuse market orders by API since 2026-04-01.
_PROTECTED = f"&market_protection={KiteConnect.MARKET_PROTECTION_AUTO}"
_REGULAR = f"variety={KiteConnect.VARIETY_REGULAR}"


def placement(order: OrderRequest) -> KiteRequest:
    """Return `place_order` of an order for today: at the market, at its limit, or as a stop."""
    terms = order.terms
    kind, protected = _MARKET, _PROTECTED
    if order.price is not None:
        kind, protected = _limit(order.price), ""
    if order.stop is not None:
        kind = _stop(order.stop)
        protected = _PROTECTED if order.stop.kind is OrderKind.SL_M else ""
    form = (
        f"{_REGULAR}&exchange={_quoted(terms.exchange)}&tradingsymbol={_quoted(terms.symbol)}"
        f"&transaction_type={order.side.value}&quantity={order.quantity}&product={terms.product.value}"
        f"&{kind}&tag={_quoted(order.tag)}{protected}"
    )
    return KiteRequest("POST", _PLACE, form, "order_id")


def modification(broker_order_id: str, price: Decimal) -> KiteRequest:
    """Return `modify_order` of the price alone: a quantity would be the new total."""
    return _modification(broker_order_id, f"price={decimal_text(price)}")


def stop_modification(broker_order_id: str, stop: StopPrices | None) -> KiteRequest:
    """Return `modify_order` of a stop's prices alone; with None to a market order."""
    if stop is None:
        return _modification(broker_order_id, f"order_type={KiteConnect.ORDER_TYPE_MARKET}{_PROTECTED}")
    limit = "" if stop.limit is None else f"price={decimal_text(stop.limit)}&"
    return _modification(broker_order_id, f"{limit}trigger_price={decimal_text(stop.trigger)}")


def _modification(broker_order_id: str, change: str) -> KiteRequest:
    order_id = quote(broker_order_id, safe="")
    target = ROUTES["order.modify"].format(variety=KiteConnect.VARIETY_REGULAR, order_id=order_id)
    return KiteRequest("PUT", target, f"{_REGULAR}&order_id={order_id}&{change}", "order_id")


def cancellation(broker_order_id: str) -> KiteRequest:
    """Return `cancel_order`."""
    order_id = quote(broker_order_id, safe="")
    target = ROUTES["order.cancel"].format(variety=KiteConnect.VARIETY_REGULAR, order_id=order_id)
    return KiteRequest("DELETE", target, picked="order_id")


def quotes(instruments: Sequence[str]) -> KiteRequest:
    """Return `quote`."""
    return KiteRequest("GET", f"{ROUTES['market.quote']}?{urlencode({'i': list(instruments)}, doseq=True)}")


def minutes(token: int, since: datetime, until: datetime) -> KiteRequest:
    """Return `historical_data` of minutes; Kite reads times of the exchange, to the second."""
    target = ROUTES["market.historical"].format(instrument_token=token, interval="minute")
    first, last = (at.astimezone(EXCHANGE_ZONE).strftime("%Y-%m-%d %H:%M:%S") for at in (since, until))
    words = {"from": first, "to": last, "interval": "minute", "continuous": 0, "oi": 0}
    return KiteRequest("GET", f"{target}?{urlencode(words)}")


def session(api_key: str, api_secret: str, request_token: str) -> KiteRequest:
    """Return the POST of `generate_session`."""
    checksum = hashlib.sha256(f"{api_key}{request_token}{api_secret}".encode()).hexdigest()
    form = {"api_key": api_key, "request_token": request_token, "checksum": checksum}
    return KiteRequest("POST", ROUTES["api.token"], urlencode(form))


def order_margins(orders: Sequence[MarginOrder]) -> KiteRequest:
    """Return `order_margins`; of an order without a price the broker takes its last one."""
    asked = [_margin_row(order) for order in orders]
    return KiteRequest("POST", ROUTES["order.margins"], json=json.dumps(asked))


def _margin_row(order: MarginOrder) -> dict[str, object]:
    market = order.price is None
    return {
        "exchange": order.exchange,
        "tradingsymbol": order.symbol,
        "transaction_type": order.side.value,
        "variety": KiteConnect.VARIETY_REGULAR,
        "product": order.product.value,
        "order_type": KiteConnect.ORDER_TYPE_MARKET if market else KiteConnect.ORDER_TYPE_LIMIT,
        "quantity": order.quantity,
        "price": 0 if order.price is None else float(order.price),
        "trigger_price": 0,
    }


def order_charges(orders: Sequence[ChargedOrder]) -> KiteRequest:
    """Return `get_virtual_contract_note`. Charges do not depend on an order's number: its place will do."""
    asked = [_charged_row(number, order) for number, order in enumerate(orders, start=1)]
    return KiteRequest("POST", ROUTES["order.contract_note"], json=json.dumps(asked))


def _charged_row(number: int, order: ChargedOrder) -> dict[str, object]:
    return {
        "order_id": str(number),
        "exchange": order.exchange,
        "tradingsymbol": order.symbol,
        "transaction_type": order.side.value,
        "variety": KiteConnect.VARIETY_REGULAR,
        "product": order.product.value,
        "order_type": KiteConnect.ORDER_TYPE_MARKET,
        "quantity": order.quantity,
        "average_price": float(order.average_price),
    }


ORDERS = KiteRequest("GET", ROUTES["orders"])
POSITIONS = KiteRequest("GET", ROUTES["portfolio.positions"])
HOLDINGS = KiteRequest("GET", ROUTES["portfolio.holdings"])
MARGINS = KiteRequest("GET", ROUTES["user.margins.segment"].format(segment=KiteConnect.MARGIN_EQUITY))
PROFILE = KiteRequest("GET", ROUTES["user.profile"])
INSTRUMENTS = KiteRequest("GET", ROUTES["market.instruments.all"])


def _limit(price: Decimal) -> str:
    return (
        f"order_type={KiteConnect.ORDER_TYPE_LIMIT}&price={decimal_text(price)}"
        f"&validity={KiteConnect.VALIDITY_DAY}"
    )


def _stop(stop: StopPrices) -> str:
    limit = "" if stop.limit is None else f"&price={decimal_text(stop.limit)}"
    return (
        f"order_type={stop.kind.value}{limit}&validity={KiteConnect.VALIDITY_DAY}"
        f"&trigger_price={decimal_text(stop.trigger)}"
    )


def _quoted(text: str) -> str:
    # Most symbols and every tag of ours have nothing to quote, and asking costs a tenth of quoting.
    return text if text.isascii() and text.isalnum() else quote_plus(text)
