"""Computes margins and charges of orders without placing them."""

from typing import Any

from paper.accounts import Account
from paper.charges import charges, no_charges, sum_charges
from paper.exchange import Exchange
from paper.instruments import Instrument
from paper.kite_error import bad_input
from paper.margins import additional, components
from paper.money import exact_paise, paise, rupees
from paper.web import Answer, Call, Route, Routes, data

SUMMED = ("span", "exposure", "option_premium", "var", "total")


class MarginRoutes:
    """`/margins/orders`, `/margins/basket`, `/charges/orders`; bodies are JSON arrays."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def add_to(self, routes: Routes) -> None:
        routes.add("POST", "/margins/orders", Route(self.orders))
        routes.add("POST", "/margins/basket", Route(self.basket))
        routes.add("POST", "/charges/orders", Route(self.charges))
        routes.add("GET", "/margins/{}", Route(self.segment, auth=False))

    def orders(self, call: Call) -> Answer:
        return data([self._margin(call.user, asked, consider=False) for asked in _asked(call)])

    def basket(self, call: Call) -> Answer:
        consider = call.param("consider_positions").lower() == "true"
        asked = _asked(call)
        rows = [self._margin(call.user, order, consider=False) for order in asked]
        final = [self._margin(call.user, order, consider=consider) for order in asked]
        answer = {
            "initial": _total(rows),
            "final": _total(final),
            "orders": [] if call.param("mode") == "compact" else rows,
            "charges": sum_charges([row["charges"] for row in rows]),
        }
        return data(answer)

    def charges(self, call: Call) -> Answer:
        out = []
        for asked in _asked(call):
            instrument, side, product, quantity = self._read(asked)
            stated = asked.get("average_price") or asked.get("price") or 0
            price = exact_paise(stated) or self._exchange.last(instrument)
            out.append(
                {
                    "transaction_type": side,
                    "tradingsymbol": instrument.symbol,
                    "exchange": instrument.exchange,
                    "variety": asked.get("variety", "regular"),
                    "product": product,
                    "order_type": asked.get("order_type", "LIMIT"),
                    "quantity": quantity,
                    "price": float(price) / 100,
                    "charges": charges(instrument, product, side, quantity, price),
                }
            )
        return data(out)

    def segment(self, call: Call) -> Answer:
        """The intraday leverage of every share."""
        if call.args[0] != "equity":
            return data([])
        return data(
            [
                {"tradingsymbol": i.symbol, "margin": 0, "mis_margin": 20, "mis_multiplier": 5, "co_upper": 0}
                for i in self._exchange.market.listing
                if i.exchange == "NSE" and not i.is_index
            ]
        )

    def _margin(self, account: Account, asked: dict[str, Any], *, consider: bool) -> dict[str, Any]:
        instrument, side, product, quantity = self._read(asked)
        price = paise(asked.get("price") or 0) or self._exchange.last(instrument)
        counted = additional(account, instrument, product, side, quantity) if consider else quantity
        span, exposure, premium, var = components(instrument, product, side, counted, price)
        row = _empty() | {
            "type": "equity",
            "tradingsymbol": instrument.symbol,
            "exchange": instrument.exchange,
            "span": rupees(span),
            "exposure": rupees(exposure),
            "option_premium": rupees(premium),
            "var": rupees(var),
            "leverage": 5 if product in ("MIS", "CO") and not instrument.is_derivative else 1,
            "charges": charges(instrument, product, side, quantity, price),
        }
        return row | {"total": rupees(span + exposure + premium + var)}

    def _read(self, asked: dict[str, Any]) -> tuple[Instrument, str, str, int]:
        listing = self._exchange.market.listing
        instrument = listing.find(str(asked.get("exchange")), str(asked.get("tradingsymbol")))
        if instrument is None or instrument.is_index:
            raise bad_input(f"Invalid `tradingsymbol` {asked.get('tradingsymbol')}.")
        side, quantity = asked.get("transaction_type"), asked.get("quantity")
        if side not in ("BUY", "SELL"):
            raise bad_input("Invalid `transaction_type`.")
        if isinstance(quantity, bool) or not isinstance(quantity, int | float) or quantity <= 0:
            raise bad_input("Invalid `quantity`.")
        return instrument, side, str(asked.get("product", "CNC")), int(quantity)


def _asked(call: Call) -> list[dict[str, Any]]:
    asked = call.json()
    if not isinstance(asked, list) or not all(isinstance(order, dict) for order in asked):
        raise bad_input("The request body is not a JSON array of orders.")
    return asked


def _empty() -> dict[str, Any]:
    return {
        "type": "",
        "tradingsymbol": "",
        "exchange": "",
        "span": 0,
        "exposure": 0,
        "option_premium": 0,
        "additional": 0,
        "bo": 0,
        "cash": 0,
        "var": 0,
        "pnl": {"realised": 0, "unrealised": 0},
        "leverage": 0,
        "charges": no_charges(),
        "total": 0,
    }


def _total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return _empty() | {name: sum(row[name] for row in rows) for name in SUMMED}
