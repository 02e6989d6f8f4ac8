"""Computes how many shares an entry buys that is sized by money: by its amount, or by its risk.

| size     | shares                                             |
|----------|----------------------------------------------------|
| amount   | amount / worst price, down to whole lots           |
| risk     | risk / (worst price - stop), down to whole lots    |

The *worst price* is the limit, a chase's ceiling, or for a market order the last price and its protection
band. A stop that is measured from the fill is measured from the worst price here.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from domain.money import decimal_text, price_text, tick_above
from domain.order import Limit
from domain.terms import HUNDRED, Distance, Entry, Size, SizeBy

SHARE_BANDS = ((Decimal(100), Decimal(2)), (Decimal(500), Decimal(1)))
OPTION_BANDS = ((Decimal(10), Decimal(5)), (Decimal(100), Decimal(3)), (Decimal(500), Decimal(2)))
SHARE_BAND, OPTION_BAND = Decimal("0.5"), Decimal(1)
"""How far a market order may run, percent of the last price by its height (Kite's automatic protection)."""
MOST_SHARES = 1_000_000
"""Shares of one order at the most, however little one costs: as many as a quantity may say."""


@dataclass(frozen=True, slots=True)
class Buying:
    """What a START says of how it is bought, beside its time and its shares.

    `entry`: None at the market. `size`: None where the quantity is given; `lot` and `stop` (from the fill)
    are what it is computed by. `tick`: the symbol's price step, None from an older build.
    """

    entry: Entry | None = None
    size: Size | None = None
    stop: Distance | None = None
    tick: Decimal | None = None
    lot: int = 1


AT_THE_MARKET = Buying()


@dataclass(frozen=True, slots=True)
class Sized:
    """How many shares, and the numbers it was computed by; `too_little`: the money is less than one lot's."""

    shares: int
    words: str
    too_little: bool = False


def sized(size: Size, stop_loss: Decimal | None, how: Buying, worst: Decimal) -> Sized:
    """Return how many shares a size buys at the worst price; none where the money is less than one lot's.

    `stop_loss`: a stop at one price; None where it is measured from the fill.
    """
    each = worst if size.by is SizeBy.AMOUNT else worst - _stop(stop_loss, how, worst)
    rupees = decimal_text(size.rupees)
    if each <= 0:
        return Sized(
            0, f"a stop above the worst price of {price_text(worst)} leaves no risk to divide {rupees} by"
        )
    shares = min(int((size.rupees / each).to_integral_value(ROUND_FLOOR)), MOST_SHARES)
    whole = shares // how.lot * how.lot
    kind = "an amount" if size.by is SizeBy.AMOUNT else "a risk"
    what = f"a share costs up to {price_text(worst)}"
    if size.by is SizeBy.RISK:
        what += f" and loses {price_text(each)} down to its stop"
    lots = "" if how.lot == 1 else f" in lots of {how.lot}"
    if not whole:
        what += f"; one {'share' if how.lot == 1 else 'lot'} takes {price_text(each * how.lot)}"
    return Sized(whole, f"{kind} of {rupees} buys {whole}{lots}: {what}", not whole)


def worst_price(limit: Limit | None, last: Decimal, *, is_option: bool, tick: Decimal | None) -> Decimal:
    """Return the most that a share of an entry may cost, rupees."""
    if limit is not None:
        return limit.ceiling
    bands, otherwise = (OPTION_BANDS, OPTION_BAND) if is_option else (SHARE_BANDS, SHARE_BAND)
    percent = next((percent for below, percent in bands if last < below), otherwise)
    return tick_above(last + last * percent / HUNDRED, tick)


def _stop(stop_loss: Decimal | None, how: Buying, worst: Decimal) -> Decimal:
    if stop_loss is not None:
        return stop_loss
    return worst if how.stop is None else worst - how.stop.of(worst)
