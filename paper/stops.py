"""Checks orders that rest at the exchange until a trigger: SL and SL-M.

| rule | SL | SL-M |
|---|---|---|
| taken | everywhere | NSE's shares and futures; not its options, nothing of BSE |
| trigger | a SELL's below the last price, a BUY's above; within the circuit limits | the same |
| limit price | on the trigger's far side, at most 3 % from it (options | none: the band of its market |
| | 20 %), for triggers up to ₹50 at most ₹1.50 (options ₹10) | protection, from its triggering price |
| validity | DAY | DAY |

A buy stop below the market gets an id and is rejected afterwards: the client's own tests place one.
"""

from paper.instruments import Instrument
from paper.kite_error import bad_input, bad_order

STOPS = frozenset({"SL", "SL-M"})
# Up to this trigger, in paise, the limit's distance is bounded in rupees.
LOW_PRICE = 5_000
LOW_GAP, LOW_GAP_OPTIONS = 150, 1_000
PERCENT, PERCENT_OPTIONS = 3, 20
NO_MARKET = "Market orders are currently not allowed."
TOO_WIDE = (
    "The difference between the limit price and trigger price for SL orders is over the exchange "
    "permissible range"
)


def check_kind(instrument: Instrument, order_type: str, validity: str) -> None:
    """Refuse a stop that the exchange does not take for the instrument.

    Raises KiteError 400.
    """
    if order_type not in STOPS:
        return
    if order_type == "SL-M" and (instrument.exchange in ("BSE", "BFO") or instrument.is_option):
        what = "options" if instrument.is_option else instrument.exchange
        raise bad_input(f"SL-M orders are not allowed in {what}. Use an SL order with a limit price.")
    if validity != "DAY":
        raise bad_input(f"Validity {validity} is not allowed for {order_type} orders. Use DAY.")


def check_auction(order_type: str, validity: str, disclosed: int) -> None:
    """Refuse what a share's closing auction does not take: stops, market and IOC orders, hidden quantities.

    Raises KiteError 400.
    """
    if order_type == "MARKET":
        raise bad_order(NO_MARKET)
    if order_type in STOPS or validity == "IOC" or disclosed:
        what = order_type if order_type in STOPS else "IOC" if validity == "IOC" else "Disclosed quantity"
        raise bad_order(f"{what} orders are not allowed in the closing auction.")


def check_stop(
    instrument: Instrument, side: str, order_type: str, price: int, trigger: int, last: int
) -> None:
    """Check a stop's prices, in paise.

    Raises KiteError 400.
    """
    if side == "SELL" and trigger >= last:
        raise bad_order("Trigger price for stoploss sell orders should be lower than the last traded price")
    if order_type != "SL":
        return
    if side == "SELL" and price > trigger:
        raise bad_order("Trigger price for stoploss sell orders should be higher than the limit price")
    if side == "BUY" and price < trigger:
        raise bad_order("Trigger price for stoploss buy orders should be lower than the limit price")
    if abs(trigger - price) > largest_gap(instrument, trigger):
        raise bad_order(TOO_WIDE)


def largest_gap(instrument: Instrument, trigger: int) -> int:
    """Return how far an SL order's limit may be from its trigger, in paise."""
    if trigger <= LOW_PRICE:
        return LOW_GAP_OPTIONS if instrument.is_option else LOW_GAP
    return trigger * (PERCENT_OPTIONS if instrument.is_option else PERCENT) // 100
