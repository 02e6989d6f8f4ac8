"""Good-till-triggered orders: a price condition that places limit orders when it is met."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from paper.accounts import Account
from paper.exchange import Exchange
from paper.faults import Request
from paper.instruments import Instrument
from paper.kite_error import NEEDS_AUTHORISATION, KiteError, bad_input
from paper.money import paise, rupees
from paper.order_service import OrderService
from paper.orders import REJECTED, stamp
from paper.tape import Tape

ACTIVE = "active"
TRIGGERED = "triggered"
DELETED = "deleted"
EXPIRED = "expired"
YEAR = 365 * 86_400
LEGS = {"single": 1, "two-leg": 2}
LEG_KEYS = ("transaction_type", "quantity", "order_type", "product", "price")
# No intraday product: a trigger lives for a year.
PRODUCTS = ("CNC", "NRML")
MOST_ACTIVE = 500
# The closest a trigger may be to the price when it is set.
NEAREST_PERCENT = 0.25


@dataclass(slots=True, eq=False)
class Gtt:
    """One trigger; values in paise, a two-leg's are stop and target."""

    trigger_id: int
    user_id: str
    kind: str
    instrument: Instrument
    values: list[int]
    last: int
    legs: list[dict[str, Any]]
    created_at: float
    updated_at: float
    status: str = ACTIVE
    results: list[dict[str, Any] | None] = field(default_factory=list)

    def met(self, last: int) -> int | None:
        """Return the leg that the price fires, None when it fires none."""
        if self.kind == "two-leg":
            stop, target = min(self.values), max(self.values)
            if last <= stop:
                return self.values.index(stop)
            return self.values.index(target) if last >= target else None
        value = self.values[0]
        crossed = last >= value if value > self.last else last <= value
        return 0 if crossed else None


class Gtts:
    """The triggers of all accounts."""

    def __init__(self, exchange: Exchange, order_service: OrderService) -> None:
        self._exchange = exchange
        self._order_service = order_service
        self._all: dict[int, Gtt] = {}
        self._by_token: dict[int, dict[int, Gtt]] = {}
        self._next = 100_000
        exchange.market.on_print.append(self.printed)

    def place(self, account: Account, form: dict[str, str]) -> int:
        """Set a trigger.

        Raises KiteError 400 for a condition or a leg that makes no sense.
        """
        if sum(gtt.status == ACTIVE for gtt in self.of(account)) >= MOST_ACTIVE:
            raise bad_input("Maximum number of active triggers reached.")
        self._next += 1
        now = self._exchange.clock.wall()
        kind, instrument, values, last, legs = self._read(form)
        gtt = Gtt(self._next, account.user_id, kind, instrument, values, last, legs, now, now)
        gtt.results = [None] * len(legs)
        self._all[gtt.trigger_id] = gtt
        self._watch(gtt)
        self._keep(gtt)
        return gtt.trigger_id

    def modify(self, account: Account, trigger_id: str, form: dict[str, str]) -> int:
        """Change an active trigger.

        Raises KiteError 404 for an unknown one, 400 for one that is not active.
        """
        gtt = self.find(account, trigger_id)
        self._must_be_active(gtt)
        kind, instrument, values, last, legs = self._read(form)
        self._unwatch(gtt)
        gtt.kind, gtt.instrument, gtt.values, gtt.last, gtt.legs = kind, instrument, values, last, legs
        gtt.results = [None] * len(legs)
        gtt.updated_at = self._exchange.clock.wall()
        self._watch(gtt)
        self._keep(gtt)
        return gtt.trigger_id

    def delete(self, account: Account, trigger_id: str) -> int:
        """Delete a trigger."""
        gtt = self.find(account, trigger_id)
        self._must_be_active(gtt)
        self._end(gtt, DELETED)
        return gtt.trigger_id

    def of(self, account: Account) -> list[Gtt]:
        """Return an account's triggers, without deleted ones."""
        return [g for g in self._all.values() if g.user_id == account.user_id and g.status != DELETED]

    def find(self, account: Account, trigger_id: str) -> Gtt:
        gtt = self._all.get(int(trigger_id)) if trigger_id.isdigit() else None
        if gtt is None or gtt.user_id != account.user_id:
            raise KiteError(404, "GeneralException", "Trigger not found.")
        return gtt

    def printed(self, tape: Tape) -> None:
        """Fire the triggers that a price meets."""
        for gtt in list(self._by_token.get(tape.instrument.token, {}).values()):
            if self._exchange.clock.now() >= gtt.created_at + YEAR:
                self._end(gtt, EXPIRED)
                continue
            leg = gtt.met(tape.last)
            if leg is not None and self._exchange.calendar.is_open(
                self._exchange.clock.now(), gtt.instrument
            ):
                self._fire(gtt, leg, tape)

    def restore(self, record: dict[str, Any]) -> None:
        """Restore a trigger from the journal."""
        instrument = self._exchange.market.listing.find(*record.pop("at"))
        record.pop("k", None)
        self._next = max(self._next, record["trigger_id"])
        if instrument is not None:
            gtt = Gtt(instrument=instrument, **record)
            self._all[gtt.trigger_id] = gtt
            if gtt.status == ACTIVE:
                self._watch(gtt)

    def _fire(self, gtt: Gtt, leg: int, tape: Tape) -> None:
        account = self._exchange.accounts.get(gtt.user_id)
        if account is None:
            return
        spec = gtt.legs[leg]
        form = {name: str(spec[name]) for name in ("exchange", "tradingsymbol", *LEG_KEYS)}
        result = {"status": "success", "order_id": "", "rejection_reason": ""}
        try:
            self._check_authorised(gtt, form)
            ticket = self._order_service.check(account, form, "regular")
            order = self._order_service.place(account, ticket, self._exchange.clock.wall())
            order.answered = True
            result["order_id"] = order.order_id
            if order.status == REJECTED:
                result |= {"status": "failed", "rejection_reason": order.status_message or ""}
        except KiteError as error:
            result |= {"status": "failed", "rejection_reason": error.message}
        gtt.results[leg] = _result(gtt, leg, tape.last, self._exchange.clock.wall(), result)
        self._end(gtt, TRIGGERED)

    def _check_authorised(self, gtt: Gtt, form: dict[str, str]) -> None:
        """Refuse a sale that the depository has not authorised, where a fault asks for that."""
        faults, side = self._exchange.faults, form["transaction_type"]
        placed = Request(gtt.user_id, "/orders/regular", True, side, gtt.instrument.symbol)
        if side == "SELL" and faults.any and faults.take("answer", placed, "authorise_428"):
            raise KiteError(428, "", NEEDS_AUTHORISATION)

    def _end(self, gtt: Gtt, status: str) -> None:
        gtt.status, gtt.updated_at = status, self._exchange.clock.wall()
        self._unwatch(gtt)
        self._keep(gtt)

    def _must_be_active(self, gtt: Gtt) -> None:
        if gtt.status != ACTIVE:
            raise bad_input(f"The trigger is {gtt.status}; only an active one can be changed.")

    def _watch(self, gtt: Gtt) -> None:
        self._by_token.setdefault(gtt.instrument.token, {})[gtt.trigger_id] = gtt
        self._exchange.market.tape(gtt.instrument).watchers += 1

    def _unwatch(self, gtt: Gtt) -> None:
        if self._by_token.get(gtt.instrument.token, {}).pop(gtt.trigger_id, None) is not None:
            self._exchange.market.tape(gtt.instrument).watchers -= 1

    def _keep(self, gtt: Gtt) -> None:
        names = [name for name in Gtt.__slots__ if name != "instrument"]
        record = {name: getattr(gtt, name) for name in names}
        record["at"] = [gtt.instrument.exchange, gtt.instrument.symbol]
        self._exchange.journal.add("gtt", record)
        self._exchange.journal.flush()

    def _read(self, form: dict[str, str]) -> tuple[str, Instrument, list[int], int, list[dict[str, Any]]]:
        kind = form.get("type", "")
        if kind not in LEGS:
            raise bad_input("Invalid `type`. It has to be single or two-leg.")
        condition, legs = _json(form, "condition", dict), _json(form, "orders", list)
        listing = self._exchange.market.listing
        instrument = listing.find(str(condition.get("exchange")), str(condition.get("tradingsymbol")))
        if instrument is None or instrument.is_index:
            raise bad_input("Invalid `tradingsymbol` in the condition.")
        values = [paise(value) for value in condition.get("trigger_values") or []]
        last = paise(condition.get("last_price")) or self._exchange.last(instrument)
        whole = [value for value in values if value]
        if len(whole) != LEGS[kind] or len(legs) != LEGS[kind]:
            raise bad_input("`trigger_values` and `orders` have to match the type.")
        for value in whole:
            if abs(value - last) * 100 < NEAREST_PERCENT * last:
                raise bad_input("Trigger price was too close to the last price.")
        return kind, instrument, whole, last, [_leg(leg, instrument) for leg in legs]


def gtt_row(gtt: Gtt) -> dict[str, Any]:
    """Return Kite's GTT object."""
    return {
        "id": gtt.trigger_id,
        "user_id": gtt.user_id,
        "parent_trigger": None,
        "type": gtt.kind,
        "created_at": stamp(gtt.created_at),
        "updated_at": stamp(gtt.updated_at),
        "expires_at": stamp(gtt.created_at + YEAR),
        "status": gtt.status,
        "condition": {
            "exchange": gtt.instrument.exchange,
            "last_price": rupees(gtt.last),
            "tradingsymbol": gtt.instrument.symbol,
            "trigger_values": [rupees(value) for value in gtt.values],
            "instrument_token": gtt.instrument.token,
        },
        "orders": [leg | {"result": result} for leg, result in zip(gtt.legs, gtt.results, strict=True)],
        "meta": {},
    }


def _leg(leg: Any, instrument: Instrument) -> dict[str, Any]:
    if not isinstance(leg, dict) or any(name not in leg for name in LEG_KEYS):
        raise bad_input("Every order needs transaction_type, quantity, order_type, product and price.")
    if leg["order_type"] != "LIMIT":
        raise bad_input("Only LIMIT orders can be triggered.")
    if leg["product"] not in PRODUCTS:
        raise bad_input(f"{leg['product']} is not allowed for triggers. Use CNC or NRML.")
    names = {"exchange": instrument.exchange, "tradingsymbol": instrument.symbol}
    return names | {name: leg[name] for name in LEG_KEYS}


def _result(gtt: Gtt, leg: int, last: int, now: float, outcome: dict[str, str]) -> dict[str, Any]:
    return {
        "account_id": gtt.user_id,
        **gtt.legs[leg],
        "validity": "DAY",
        "meta": orjson.dumps({"app_id": 1001, "gtt": gtt.trigger_id}).decode(),
        "timestamp": stamp(now),
        "triggered_at": rupees(last),
        "order_result": outcome,
    }


def _json(form: dict[str, str], name: str, kind: type) -> Any:
    try:
        value = orjson.loads(form.get(name, ""))
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, kind):
        raise bad_input(f"Missing or empty field `{name}`")
    return value
