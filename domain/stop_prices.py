"""Computes the prices of a stop that rests at the exchange, and whether a higher stop is worth a change.

| what                | rule                                                                                |
|---------------------|-------------------------------------------------------------------------------------|
| kind                | SL-M for shares and futures of NSE; SL for its options and for everything at BSE    |
| trigger of a SELL   | the stop, up to the tick; below the last price, and inside the circuit limits       |
| limit of an SL      | trigger × 0.975 down to the tick; for triggers up to ₹50 the trigger less ₹1.25; at |
|                     | least a tick, and not below the lower circuit limit                                 |
| validity, products  | DAY; CNC, MIS and NRML alike                                                        |

The exchange takes an SL whose limit is at most 3 % from its trigger (₹1.50 up to ₹50; options 20 %, ₹10):
another is refused, "over the exchange permissible range".
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.instrument import is_option
from domain.money import tick_above, tick_below

LOW_PRICE = Decimal(50)
"""Up to this trigger the gap to the limit is in rupees."""
LOW_GAP = Decimal("1.25")
LIMIT_OF_TRIGGER = Decimal("0.975")
STEP = Decimal("0.0025")
"""The least part of its trigger by which a resting stop is moved: it has only so many modifications."""
STEP_TICKS = 5
"""The least number of ticks by which it is moved."""


class OrderKind(StrEnum):
    """An order type, in the broker's word."""

    SL = "SL"
    SL_M = "SL-M"
    LIMIT = "LIMIT"
    MARKET = "MARKET"


@dataclass(frozen=True, slots=True)
class StopPrices:
    """The prices of a SELL that rests: rupees. `limit` is None for an SL-M."""

    kind: OrderKind
    trigger: Decimal
    limit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Traded:
    """What the prices of a stop depend on, for one instrument now: rupees.

    `lower`: the lower circuit limit, None where the broker states none.
    """

    exchange: str
    symbol: str
    tick: Decimal
    last: Decimal
    lower: Decimal | None = None


def stop_kind(exchange: str, symbol: str) -> OrderKind:
    """Return the order type by which a stop can rest there."""
    takes_market = exchange in ("NSE", "NFO") and not is_option(exchange, symbol)
    return OrderKind.SL_M if takes_market else OrderKind.SL


def stop_prices(stop: Decimal, traded: Traded) -> StopPrices | None:
    """Return the prices of a SELL that rests for a stop; None where the exchange takes none now.

    It takes none at or above the last price (the server's own stop sells then), nor outside the limits.
    """
    trigger = tick_above(stop, traded.tick)
    if trigger >= traded.last or (traded.lower is not None and trigger < traded.lower):
        return None
    kind = stop_kind(traded.exchange, traded.symbol)
    return StopPrices(kind, trigger, limit_of(trigger, traded) if kind is OrderKind.SL else None)


def limit_of(trigger: Decimal, traded: Traded) -> Decimal:
    """Return the limit of an SL with this trigger."""
    wide = trigger - LOW_GAP if trigger <= LOW_PRICE else trigger * LIMIT_OF_TRIGGER
    limit = max(traded.tick, tick_below(wide, traded.tick))
    return limit if traded.lower is None else max(limit, tick_above(traded.lower, traded.tick))


def is_worth_moving(trigger: Decimal, wanted: Decimal, tick: Decimal) -> bool:
    """Tell whether a resting stop is to be moved to another trigger, up or down."""
    return abs(wanted - trigger) >= max(trigger * STEP, tick * STEP_TICKS)
