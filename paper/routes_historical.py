"""Historical candles."""

from datetime import datetime

from paper.bars import Bar
from paper.candles import DAY, INTERVALS, OLD_SPANS, SPANS, candles
from paper.clock import IST, ist
from paper.exchange import Exchange
from paper.kite_error import bad_input
from paper.money import rupees
from paper.web import Answer, Call, Route, Routes, data


class HistoricalRoutes:
    """`/instruments/historical/{token}/{interval}`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def add_to(self, routes: Routes) -> None:
        route = Route(self.historical, "historical", threaded=True)
        routes.add("GET", "/instruments/historical/{}/{}", route)

    def historical(self, call: Call) -> Answer:
        token, interval = call.args
        instrument = self._exchange.market.listing.by_token(int(token)) if token.isdigit() else None
        if instrument is None:
            raise bad_input("invalid token")
        if interval not in INTERVALS:
            raise bad_input("invalid interval")
        start, end = _instant(call.param("from"), "from"), _instant(call.param("to"), "to")
        if start > end:
            raise bad_input("invalid date range: `from` is after `to`")
        most = (OLD_SPANS if self._exchange.lenient else SPANS)[interval]
        if end - start > most * DAY:
            raise bad_input(f"interval exceeds max limit: {most} days")
        bars = candles(self._exchange.market, instrument, interval, start, end)
        with_oi = call.param("oi") == "1"
        return data({"candles": [_row(bar, with_oi) for bar in bars]})


def _row(bar: Bar, with_oi: bool) -> list[object]:
    moment = ist(bar.start).strftime("%Y-%m-%dT%H:%M:%S%z")
    prices = [rupees(price) for price in (bar.open, bar.high, bar.low, bar.close)]
    return [moment, *prices, bar.volume, *([0] if with_oi else [])]


def _instant(text: str, name: str) -> float:
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=IST).timestamp()
        except ValueError:
            continue
    raise bad_input(f"invalid `{name}` date")
