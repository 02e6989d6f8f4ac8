"""Shares an account has held since before today."""

from dataclasses import dataclass
from typing import Any

from paper.instruments import Instrument
from paper.money import average, rupees


@dataclass(slots=True, eq=False)
class Holding:
    """Quantity and value at cost, in paise; `used` was sold today."""

    instrument: Instrument
    quantity: int
    value: int
    t1: int = 0
    used: int = 0

    @property
    def sellable(self) -> int:
        return self.quantity + self.t1


def holding_row(holding: Holding, last: int, close: int) -> dict[str, Any]:
    """Return the holdings row; profit counts the remaining shares."""
    total = holding.quantity + holding.t1
    left = total - holding.used
    cost = holding.value * left // total if total else 0
    return {
        "tradingsymbol": holding.instrument.symbol,
        "exchange": holding.instrument.exchange,
        "instrument_token": holding.instrument.token,
        "isin": holding.instrument.isin,
        "product": "CNC",
        "price": 0,
        "quantity": holding.quantity,
        "used_quantity": holding.used,
        "t1_quantity": holding.t1,
        "realised_quantity": holding.quantity,
        "authorised_quantity": 0,
        "authorised_date": "",
        "authorisation": {},
        "opening_quantity": holding.quantity + holding.t1,
        "short_quantity": 0,
        "collateral_quantity": 0,
        "collateral_type": "",
        "discrepancy": False,
        "average_price": average(holding.value, total),
        "last_price": rupees(last),
        "close_price": rupees(close),
        "pnl": rupees(left * last - cost),
        "day_change": rupees(last - close),
        "day_change_percentage": (last - close) * 100 / close if close else 0,
        "mtf": {"quantity": 0, "used_quantity": 0, "average_price": 0, "value": 0, "initial_margin": 0},
    }
