"""The control endpoints: prices, paths, the clock, accounts, the hands of others, faults, extra rows, and
records for checkers.
"""

from typing import Any

from paper.clock import parse_instant
from paper.control_input import read_instrument, read_object, read_price, read_seconds
from paper.exchange import Exchange
from paper.faults import Fault, request_of
from paper.feed import Feed
from paper.hands import PATH, Hands
from paper.instruments import Instrument
from paper.kite_error import KiteError
from paper.market import Script
from paper.money import paise, rupees
from paper.web import Answer, Call, Route, Routes, bare

DEFAULT_CASH = 10_000_000


class ControlRoutes:
    """`/_paper`: loopback only, bare JSON, errors as `{"error": …}`."""

    def __init__(self, exchange: Exchange, feed: Feed, hands: Hands) -> None:
        self._exchange = exchange
        self._feed = feed
        self._hands = hands

    def add_to(self, routes: Routes) -> None:
        for method, path, handler in (
            ("POST", "/_paper/accounts", self.accounts),
            ("POST", "/_paper/login", self.login),
            ("POST", "/_paper/price", self.price),
            ("POST", "/_paper/path", self.path),
            ("POST", "/_paper/clock", self.clock),
            ("GET", "/_paper/clock", self.clock),
            ("POST", PATH, self.hand),
            ("GET", "/_paper/ledger", self.ledger),
            ("GET", "/_paper/refused", self.refused),
            ("POST", "/_paper/faults", self.add_fault),
            ("GET", "/_paper/faults", self.struck),
            ("GET", "/_paper/health", self.health),
            ("DELETE", "/_paper/faults", self.clear_faults),
            ("POST", "/_paper/rows", self.add_row),
            ("DELETE", "/_paper/rows", self.clear_rows),
        ):
            routes.add(method, path, Route(handler, "", auth=False))

    def accounts(self, call: Call) -> Answer:
        spec = read_object(call)
        user_id = spec.get("user_id")
        if user_id is not None and (not isinstance(user_id, str) or not 0 < len(user_id) <= 64):
            raise ValueError("`user_id` is a text of 1 to 64 characters.")
        given = spec.get("cash", DEFAULT_CASH)
        cash = None if isinstance(given, bool) else paise(given)
        if cash is None or cash < 0:
            raise ValueError("`cash` is rupees, from 0 up.")
        account = self._exchange.open_account(user_id, cash, str(spec.get("redirect_url") or ""))
        return bare(
            {
                "user_id": account.user_id,
                "api_key": account.api_key,
                "api_secret": account.api_secret,
                "access_token": account.access_token,
            }
        )

    def login(self, call: Call) -> Answer:
        """Return a request token, as the login page would."""
        account = self._exchange.accounts.get(read_object(call).get("user_id", ""))
        if account is None:
            raise KiteError(404, "", "There is no such account; POST /_paper/accounts makes one.")
        token = self._exchange.accounts.request_token(account, self._exchange.clock.wall())
        return bare({"request_token": token})

    async def price(self, call: Call) -> Answer:
        """Trade at a price from now on; `tick_at` is when the tick went to the sockets, null without any."""
        spec = read_object(call)
        instrument = read_instrument(spec, self._exchange.market.listing)
        price = read_price(spec.get("price"))
        tape = self._exchange.market.fix(instrument, price)
        tick_at = await self._feed.handed_over(instrument.token)
        self._keep(instrument, [[0, price]])
        return bare(
            {
                "exchange": instrument.exchange,
                "symbol": instrument.symbol,
                "price": rupees(tape.last),
                "lower_circuit_limit": rupees(tape.lower),
                "upper_circuit_limit": rupees(tape.upper),
                "tick_at": tick_at,
            }
        )

    def path(self, call: Call) -> Answer:
        spec = read_object(call)
        instrument = read_instrument(spec, self._exchange.market.listing)
        raw = spec.get("points")
        if not isinstance(raw, list) or not raw or not all(isinstance(p, list) and len(p) == 2 for p in raw):
            raise ValueError("`points` is a list of [seconds_from_now, price].")
        now = self._exchange.clock.wall()
        points = [[now + read_seconds(at), read_price(price)] for at, price in raw]
        points.sort(key=lambda point: point[0])
        self._exchange.market.script(instrument, Script(tuple((at, int(price)) for at, price in points)))
        self._keep(instrument, points)
        return bare({"exchange": instrument.exchange, "symbol": instrument.symbol, "points": len(raw)})

    def clock(self, call: Call) -> Answer:
        spec = read_object(call) if call.body else {}
        speed = None if spec.get("speed") is None else read_seconds(spec["speed"])
        now = spec.get("now")
        if now is not None:
            try:
                now = float(now) if isinstance(now, int | float) else parse_instant(now)
            except (TypeError, ValueError):
                raise ValueError("`now` is an ISO 8601 instant (exchange time without an offset).") from None
        clock = self._exchange.clock
        if now is not None or speed is not None:
            clock.move(now, speed)
        return bare({"now": clock.iso(), "speed": clock.speed})

    def hand(self, call: Call) -> Answer:
        """Act on an account as the broker's app or its risk system does; answer what was done."""
        return bare(self._hands.act(read_object(call), call.received_at))

    def ledger(self, call: Call) -> Answer:
        """Answer every order with its state now; with `?history=1` also each state it went through."""
        return bare(self._exchange.ledger.order_rows(history="history" in call.params))

    def refused(self, call: Call) -> Answer:
        return bare(self._exchange.ledger.refused_rows())

    def add_fault(self, call: Call) -> Answer:
        fault = self._exchange.faults.add(read_object(call))
        self._strike_now(fault)
        return bare({"fault_id": fault.fault_id})

    def struck(self, call: Call) -> Answer:
        return bare({"struck": dict(sorted(self._exchange.faults.struck.items()))})

    def clear_faults(self, call: Call) -> Answer:
        """Forget the faults that wait: all of them, or with `?user_id=` those that name this account."""
        self._exchange.faults.clear(next(iter(call.params.get("user_id", ())), None))
        return bare({"cleared": True})

    def add_row(self, call: Call) -> Answer:
        """Put one extra row into a list of every account, until the rows are cleared."""
        return bare({"rows": self._exchange.rows.add(read_object(call))})

    def clear_rows(self, call: Call) -> Answer:
        self._exchange.rows.clear()
        return bare({"cleared": True})

    def health(self, call: Call) -> Answer:
        return bare({"accounts": len(self._exchange.accounts), "orders": len(self._exchange.ledger.orders)})

    def _strike_now(self, fault: Fault) -> None:
        """Apply at once what needs no request: a dead token of a named user, dropped sockets, a sweep."""
        if fault.kind == "token_expired" and fault.user_id and not (fault.path or fault.side or fault.symbol):
            account = self._exchange.accounts.get(fault.user_id)
            if account is not None:
                self._exchange.logout(account)
                self._exchange.faults.struck[fault.kind] += 1
                fault.left = 0
        if fault.kind == "sweep":
            self._sweep(fault)
        if fault.kind == "ws_drop":
            for drop in self._exchange.on_drop:
                drop(fault.user_id)
            self._exchange.faults.struck[fault.kind] += 1
            # What is left of a count refuses the next upgrades.
            fault.left = fault.left if fault.left is None else fault.left - 1

    def _sweep(self, fault: Fault) -> None:
        """Cancel the stops that wait for their trigger, of one symbol or of all."""
        for account in self._exchange.accounts:
            for order in list(account.live.values()):
                if fault.matches(request_of(order)):
                    self._exchange.sweep(order)
        self._exchange.faults.struck[fault.kind] += 1
        fault.left = 0

    def _keep(self, instrument: Instrument, points: list[list[Any]]) -> None:
        self._exchange.journal.add(
            "price", {"exchange": instrument.exchange, "symbol": instrument.symbol, "points": points}
        )
        self._exchange.journal.flush()
