"""Instruments and quotes."""

from typing import Any

from paper.exchange import Exchange
from paper.instruments import SEGMENT_BYTE
from paper.kite_error import bad_input
from paper.money import average, rupees
from paper.orders import stamp
from paper.tape import Tape
from paper.web import CSV, Answer, Call, Route, Routes, data

QUOTE_SIZE = 500
SMALL_QUOTE_SIZE = 1000
TRIGGER_RANGE_PERCENT = 3


class QuoteRoutes:
    """`/instruments` and `/quote`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def add_to(self, routes: Routes) -> None:
        routes.add("GET", "/instruments", Route(self.instruments, "", auth=False))
        routes.add("GET", "/instruments/{}", Route(self.instruments, "", auth=False))
        routes.add("GET", "/instruments/trigger_range/{}", Route(self.trigger_range))
        routes.add("GET", "/quote", Route(self.quote, "quote"))
        routes.add("GET", "/quote/ohlc", Route(self.ohlc, "quote"))
        routes.add("GET", "/quote/ltp", Route(self.ltp, "quote"))

    def instruments(self, call: Call) -> Answer:
        exchange = call.args[0] if call.args else ""
        if exchange and exchange not in SEGMENT_BYTE and exchange not in ("CDS", "BCD", "MCX"):
            raise bad_input("Invalid `exchange`.")
        gzipped = "gzip" in call.headers.get("Accept-Encoding", "")
        headers = {"Content-Encoding": "gzip"} if gzipped else {}
        return Answer(self._exchange.market.listing.dump(exchange, gzipped), 200, CSV, headers)

    def quote(self, call: Call) -> Answer:
        return data(
            {key: _full(tape, self._exchange.clock.wall()) for key, tape in self._asked(call, QUOTE_SIZE)}
        )

    def ohlc(self, call: Call) -> Answer:
        return data({key: _short(tape) | {"ohlc": _ohlc(tape)} for key, tape in self._asked(call)})

    def ltp(self, call: Call) -> Answer:
        return data({key: _short(tape) for key, tape in self._asked(call)})

    def trigger_range(self, call: Call) -> Answer:
        if call.args[0].upper() not in ("BUY", "SELL"):
            raise bad_input("Invalid `transaction_type`.")
        out = {}
        for key, tape in self._asked(call):
            room = tape.last * TRIGGER_RANGE_PERCENT // 100
            below = call.args[0].upper() == "BUY"
            lower, upper = (tape.last - room, tape.last) if below else (tape.last, tape.last + room)
            token = tape.instrument.token
            out[key] = {"instrument_token": token, "lower": rupees(lower), "upper": rupees(upper)}
        return data(out)

    def _asked(self, call: Call, size: int = SMALL_QUOTE_SIZE) -> list[tuple[str, Tape]]:
        """Return the requested instruments; those without data are silently absent, as at Kite."""
        keys = call.params.get("i", [])
        if not keys:
            raise bad_input("Missing or empty field `i`")
        if len(keys) > size:
            raise bad_input(f"Too many instruments. At most {size} are answered.")
        market = self._exchange.market
        found = ((key, market.listing.by_key(key)) for key in keys)
        return [(key, market.tape(instrument)) for key, instrument in found if instrument is not None]


def _short(tape: Tape) -> dict[str, Any]:
    return {"instrument_token": tape.instrument.token, "last_price": rupees(tape.last)}


def _ohlc(tape: Tape) -> dict[str, float]:
    return {
        "open": rupees(tape.open),
        "high": rupees(tape.high),
        "low": rupees(tape.low),
        "close": rupees(tape.close),
    }


def _full(tape: Tape, now: float) -> dict[str, Any]:
    buys, sells = tape.depth()
    is_index = tape.instrument.is_index
    return _short(tape) | {
        "timestamp": stamp(now),
        "last_trade_time": None if is_index else stamp(tape.traded_at),
        "last_quantity": 0 if is_index else tape.last_quantity,
        "buy_quantity": sum(level[1] for level in buys),
        "sell_quantity": sum(level[1] for level in sells),
        "volume": tape.volume,
        "average_price": average(tape.traded_value, tape.volume) or rupees(tape.last),
        "oi": 0,
        "oi_day_high": 0,
        "oi_day_low": 0,
        "net_change": rupees(tape.last - tape.close) if is_index else 0,
        "lower_circuit_limit": rupees(tape.lower),
        "upper_circuit_limit": rupees(tape.upper),
        "ohlc": _ohlc(tape),
        "depth": {"buy": [_level(level) for level in buys], "sell": [_level(level) for level in sells]},
    }


def _level(level: tuple[int, int, int]) -> dict[str, Any]:
    return {"price": rupees(level[0]), "quantity": level[1], "orders": level[2]}
