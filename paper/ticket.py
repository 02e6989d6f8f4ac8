"""Parses an order request and checks it as far as the request alone allows."""

from dataclasses import dataclass

from paper.calendar import Calendar
from paper.instruments import Instrument
from paper.kite_error import KiteError, bad_input, bad_order
from paper.market import Market
from paper.money import on_tick, rupees
from paper.stops import STOPS, check_auction, check_kind, check_stop
from paper.tape import Tape

VARIETIES = ("regular", "amo", "co", "iceberg", "auction")
PLACEABLE = ("regular", "amo", "co")
EXCHANGES = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX", "NCO", "NSEIX")
ORDER_TYPES = ("MARKET", "LIMIT", "SL", "SL-M")
PRODUCTS = ("CNC", "MIS", "NRML", "MTF", "CO")
VALIDITIES = ("DAY", "IOC", "TTL")
TAG_LENGTH = 20
REQUIRED = ("exchange", "tradingsymbol", "transaction_type", "quantity", "product", "order_type")
NO_PROTECTION = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)

Form = dict[str, str]


@dataclass(slots=True)
class Ticket:
    """A placement that passed these checks; prices in paise."""

    instrument: Instrument
    variety: str
    side: str
    order_type: str
    product: str
    quantity: int
    price: int
    trigger: int
    validity: str
    validity_ttl: int
    disclosed: int
    protection: float
    tag: str | None


def read_ticket(form: Form, variety: str, market: Market, *, lenient: bool) -> Ticket:
    """Read a placement form.

    Raises KiteError 400 for every fault of the request or the listing alone.
    """
    _check_variety(variety)
    for name in REQUIRED:
        if not form.get(name):
            raise bad_input(f"Missing or empty field `{name}`")
    instrument = _instrument(form, market)
    order_type = _one_of(form["order_type"], ORDER_TYPES, "order_type")
    ticket = Ticket(
        instrument=instrument,
        variety=variety,
        side=_one_of(form["transaction_type"], ("BUY", "SELL"), "transaction_type"),
        order_type=order_type,
        product=_product(form["product"], instrument, variety),
        quantity=whole(form, "quantity"),
        price=_price(form, "price", instrument) if order_type in ("LIMIT", "SL") else 0,
        trigger=_price(form, "trigger_price", instrument) if needs_trigger(order_type, variety) else 0,
        validity=_one_of(form.get("validity") or "DAY", VALIDITIES, "validity"),
        validity_ttl=whole(form, "validity_ttl"),
        disclosed=whole(form, "disclosed_quantity"),
        protection=read_protection(form),
        tag=_tag(form),
    )
    check_kind(instrument, order_type, ticket.validity)
    if ticket.validity == "TTL" and not 1 <= ticket.validity_ttl <= 359:
        raise bad_input("Invalid `validity_ttl`. It has to be between 1 and 359 minutes.")
    if order_type in ("MARKET", "SL-M") and not ticket.protection and not lenient:
        raise bad_input(NO_PROTECTION)
    return ticket


def check_prices(ticket: Ticket, tape: Tape) -> None:
    """Check what depends on the tape: lot, required prices, circuit limits, the stop's side.

    Raises KiteError 400.
    """
    check_quantity(ticket.quantity, ticket.disclosed, ticket.instrument)
    if ticket.order_type in ("LIMIT", "SL") and not ticket.price and ticket.variety != "co":
        raise bad_input("Missing or empty field `price`")
    if needs_trigger(ticket.order_type, ticket.variety) and not ticket.trigger:
        raise bad_input("Missing or empty field `trigger_price`")
    check_circuit(ticket.price, tape, "price")
    check_circuit(ticket.trigger, tape, "trigger price")
    if ticket.order_type in STOPS:
        check_stop(ticket.instrument, ticket.side, ticket.order_type, ticket.price, ticket.trigger, tape.last)


def check_quantity(quantity: int, disclosed: int, instrument: Instrument) -> None:
    """Check lots, the freeze quantity of derivatives, and the disclosed quantity."""
    if quantity <= 0:
        raise bad_input("Invalid `quantity`. It has to be a whole number above 0.")
    if quantity % instrument.lot:
        raise bad_input(f"Quantity should be multiple of lot size. Lot size is {instrument.lot}.")
    if instrument.freeze and quantity > instrument.freeze:
        raise bad_input(
            f"The order quantity {quantity} ({quantity // instrument.lot} lots) is higher than the maximum "
            f"quantity of {instrument.freeze} ({instrument.freeze // instrument.lot} lots) allowed by the "
            "exchanges. Please reduce the order quantity or use iceberg orders."
        )
    if disclosed > quantity:
        raise bad_input("Disclosed quantity cannot be more than the order quantity.")


def check_circuit(price: int, tape: Tape, what: str) -> None:
    """Check the day's limits; 0 is no price and passes."""
    if price and price < tape.lower:
        raise bad_order(
            f"Your order {what} is lower than the current lower circuit limit of {rupees(tape.lower)}. "
            "Place an order within the daily range."
        )
    if price > tape.upper:
        raise bad_order(
            f"Your order {what} is higher than the current upper circuit limit of {rupees(tape.upper)}. "
            "Place an order within the daily range."
        )


def check_hours(ticket: Ticket, calendar: Calendar, now: float) -> None:
    """Refuse regular orders while the market is closed.

    Raises KiteError 400 with Kite's hint at AMO.
    """
    if ticket.variety == "amo" or calendar.is_open(now, ticket.instrument):
        return
    if calendar.in_auction(now, ticket.instrument):
        check_auction(ticket.order_type, ticket.validity, ticket.disclosed)
    raise bad_order(
        f"{ticket.product} orders are blocked as the markets are not open for trading. "
        "Try placing an AMO order."
    )


def needs_trigger(order_type: str, variety: str) -> bool:
    return order_type in STOPS or variety == "co"


def read_protection(form: Form) -> float:
    """Read `market_protection`: -1 for Kite's own band, above 0 to 100 for percent, 0 for none."""
    text = form.get("market_protection") or "0"
    try:
        value = float(text)
    except ValueError:
        value = 101.0
    if value != -1 and not 0 <= value <= 100:
        raise bad_input("Invalid `market_protection`. It has to be -1, or between 0 and 100.")
    return value


def whole(form: Form, name: str) -> int:
    """Read a whole number, 0 when absent."""
    text = form.get(name) or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise bad_input(f"Invalid `{name}`. It has to be a whole number.")
    return int(text)


def tick_price(text: str, instrument: Instrument) -> int:
    """Read a price on the instrument's tick grid, in paise."""
    price = on_tick(text, instrument.tick)
    if price is None or price < 0:
        raise bad_input(
            f"Tick size for this script is {rupees(instrument.tick):.2f}. "
            "Kindly enter price in the multiple of tick size for this script"
        )
    return price


def _check_variety(variety: str) -> None:
    if variety not in VARIETIES:
        raise bad_input(f"Invalid `variety` {variety}.")
    if variety not in PLACEABLE:
        raise KiteError(400, "InputException", f"Orders of variety {variety} are not taken on paper.")


def _instrument(form: Form, market: Market) -> Instrument:
    exchange = _one_of(form["exchange"], EXCHANGES, "exchange")
    instrument = market.listing.find(exchange, form["tradingsymbol"])
    if instrument is None or instrument.is_index:
        raise bad_input(
            f"The instrument you are placing an order for has either expired or does not exist: "
            f"{exchange}:{form['tradingsymbol']}."
        )
    return instrument


def _product(product: str, instrument: Instrument, variety: str) -> str:
    _one_of(product, PRODUCTS, "product")
    if instrument.is_derivative and product in ("CNC", "MTF"):
        raise bad_input(f"{product} is not allowed in {instrument.exchange}. Use NRML or MIS.")
    if not instrument.is_derivative and product == "NRML":
        raise bad_input(f"NRML is not allowed in {instrument.exchange}. Use CNC or MIS.")
    if variety == "co":
        if product not in ("MIS", "CO"):
            raise bad_input("Cover orders are intraday: use product MIS.")
        return "CO"
    if product == "CO":
        raise bad_input("Product CO belongs to orders of variety co.")
    return product


def _price(form: Form, name: str, instrument: Instrument) -> int:
    text = form.get(name)
    return tick_price(text, instrument) if text else 0


def _tag(form: Form) -> str | None:
    tag = form.get("tag") or None
    if tag and len(tag) > TAG_LENGTH:
        raise bad_input(f"Invalid `tag`. It can be at most {TAG_LENGTH} characters.")
    return tag


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> str:
    if value not in allowed:
        raise bad_input(f"Invalid `{name}`.")
    return value
