"""Computes brokerage, taxes and fees of an order, in rupees, unrounded (rates of FY 2026-27; they change)."""

from decimal import Decimal
from typing import Any

from paper.instruments import Instrument

GST = Decimal("0.18")
SEBI = Decimal("0.000001")
MOST_BROKERAGE = Decimal(20)
INTRADAY_BROKERAGE = Decimal("0.0003")
# Rates by kind of trade: (securities transaction tax on buys, on sells, stamp duty).
RATES = {
    "delivery": (Decimal("0.001"), Decimal("0.001"), Decimal("0.00015")),
    "intraday": (Decimal(0), Decimal("0.00025"), Decimal("0.00003")),
    "future": (Decimal(0), Decimal("0.0005"), Decimal("0.00002")),
    "option": (Decimal(0), Decimal("0.0015"), Decimal("0.00003")),
}
# The exchange's turnover fee by kind of trade: at NSE, at BSE.
FEES = {
    "delivery": (Decimal("0.0000307"), Decimal("0.0000375")),
    "intraday": (Decimal("0.0000307"), Decimal("0.0000375")),
    "future": (Decimal("0.0000183"), Decimal(0)),
    "option": (Decimal("0.0003553"), Decimal("0.000325")),
}


def charges(
    instrument: Instrument, product: str, side: str, quantity: int, price: int | Decimal
) -> dict[str, Any]:
    """Return Kite's `charges` object; `price` in paise, an average in parts of them."""
    kind = _kind(instrument, product)
    turnover = quantity * Decimal(price) / 100
    on_buys, on_sells, stamp = RATES[kind]
    fee = FEES[kind][instrument.exchange in ("BSE", "BFO")]
    tax = turnover * (on_buys if side == "BUY" else on_sells)
    exchange_fee, sebi = turnover * fee, turnover * SEBI
    stamp_duty = turnover * stamp if side == "BUY" else Decimal(0)
    brokerage = _brokerage(kind, turnover)
    gst = (brokerage + exchange_fee + sebi) * GST
    total = tax + exchange_fee + sebi + stamp_duty + brokerage + gst
    return {
        "transaction_tax": float(tax),
        "transaction_tax_type": "stt",
        "exchange_turnover_charge": float(exchange_fee),
        "sebi_turnover_charge": float(sebi),
        "brokerage": float(brokerage),
        "stamp_duty": float(stamp_duty),
        "gst": {"igst": float(gst), "cgst": 0, "sgst": 0, "total": float(gst)},
        "total": float(total),
    }


def no_charges() -> dict[str, Any]:
    """Return the empty object for a basket's totals."""
    return {
        "transaction_tax": 0,
        "transaction_tax_type": "",
        "exchange_turnover_charge": 0,
        "sebi_turnover_charge": 0,
        "brokerage": 0,
        "stamp_duty": 0,
        "gst": {"igst": 0, "cgst": 0, "sgst": 0, "total": 0},
        "total": 0,
    }


def sum_charges(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum of several orders' charges."""
    total = no_charges()
    for part in parts:
        for name in ("transaction_tax", "exchange_turnover_charge", "sebi_turnover_charge", "brokerage"):
            total[name] += part[name]
        total["stamp_duty"] += part["stamp_duty"]
        total["total"] += part["total"]
        for name in ("igst", "total"):
            total["gst"][name] += part["gst"][name]
    return total


def _kind(instrument: Instrument, product: str) -> str:
    if instrument.kind == "FUT":
        return "future"
    if instrument.is_derivative:
        return "option"
    return "delivery" if product in ("CNC", "MTF") else "intraday"


def _brokerage(kind: str, turnover: Decimal) -> Decimal:
    if kind == "delivery":
        return Decimal(0)
    if kind == "option":
        return MOST_BROKERAGE
    return min(MOST_BROKERAGE, turnover * INTRADAY_BROKERAGE)
