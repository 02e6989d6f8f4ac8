"""Knows the most that the exchange takes in one order of an index's contracts. No I/O.

An order above the *freeze quantity* is refused (Kite: `The quantity exceeds the freeze quantity`). NSE
computes the quantities of its indices by chapter 1.8 of NSE/FAOP/67775 (2025-04-30) and publishes them with a
circular for each change; Kite's list of instruments does not have them. Those of single shares change each
month with their prices and are not listed here: such an order goes out whole, and the broker refuses it.
"""

import re
from collections.abc import Sequence
from datetime import date

Since = tuple[date, int]

FREEZE: dict[str, Sequence[Since]] = {
    "NIFTY": ((date(2023, 4, 3), 1800),),
    "BANKNIFTY": (
        (date(2023, 4, 3), 900),
        (date(2025, 7, 1), 600),
        (date(2025, 9, 1), 900),
        (date(2025, 11, 3), 600),
    ),
    "FINNIFTY": ((date(2023, 4, 3), 1800),),
    "MIDCPNIFTY": ((date(2025, 9, 1), 2800),),
    "NIFTYNXT50": ((date(2024, 8, 1), 600),),
}
"""By index, from which day on: circulars of 2023-04-03, 2024-08-01, 2025-06-30, 2025-08-29, 2025-10-31 and
2026-01-30, the last that was seen (it changed none of them)."""
_CONTRACT = re.compile(rf"({'|'.join(sorted(FREEZE, key=len, reverse=True))})\d{{2}}")


def freeze_quantity(exchange: str, symbol: str, day: date) -> int | None:
    """Return the most shares in one order of a contract (`NIFTY26DECFUT`) on a day; None: not known."""
    named = _CONTRACT.match(symbol) if exchange == "NFO" else None
    if named is None:
        return None
    return next((most for since, most in reversed(FREEZE[named[1]]) if day >= since), None)


def largest_order(exchange: str, symbol: str, lot: int, day: date) -> int | None:
    """Return the same in whole lots; None where no bound is known, or one lot is above it."""
    most = freeze_quantity(exchange, symbol, day)
    return None if most is None or most < lot else most // lot * lot
