"""Market protection: how far a market order may run, and the limit price it becomes."""

from paper.instruments import Instrument
from paper.orders import Order

# Kite's own bands, percent of the last price by the price in paise.
SHARE_BANDS = ((10_000, 2.0), (50_000, 1.0))
SHARE_BAND = 0.5
OPTION_BANDS = ((1_000, 5.0), (10_000, 3.0), (50_000, 2.0))
OPTION_BAND = 1.0
AUTOMATIC = -1.0


def band_percent(instrument: Instrument, last: int, protection: float) -> float:
    """Return the percentage that applies: the requested one, or Kite's for -1."""
    if protection != AUTOMATIC:
        return protection
    bands, otherwise = (OPTION_BANDS, OPTION_BAND) if instrument.is_option else (SHARE_BANDS, SHARE_BAND)
    return next((percent for below, percent in bands if last < below), otherwise)


def protected_price(side: str, last: int, tick: int, percent: float) -> int:
    """Return the worst price a protected market order takes, at least one tick from the last."""
    room = max(tick, int(last * percent / 100) // tick * tick)
    worst = last + room if side == "BUY" else last - room
    return max(tick, worst // tick * tick)


def system_tag(protection: float) -> str:
    """Return the tag that Kite adds to a protected order."""
    return "mktp" if protection == AUTOMATIC else f"mktp:{protection:.2f}"


def protect(order: Order, protection: float, last: int) -> None:
    """Book a protected MARKET as the LIMIT it becomes; an SL-M becomes one at its trigger.

    An unprotected one stays what it is.
    """
    if order.order_type not in ("MARKET", "SL-M"):
        return
    order.is_market, order.protection, order.price = True, protection, 0
    if not protection:
        return
    order.tags = [tag for tag in order.tags if not tag.startswith("mktp")] + [system_tag(protection)]
    if order.order_type == "MARKET":
        to_limit(order, last)


def to_limit(order: Order, last: int) -> None:
    """Turn a protected market order into a LIMIT at the end of its band around a price, in paise."""
    percent = band_percent(order.instrument, last, order.protection)
    order.price = protected_price(order.side, last, order.instrument.tick, percent)
    order.order_type = "LIMIT"
