"""Splits an order above the freeze quantity, as Kite does with `autoslice`: into at most ten."""

from typing import Any

from paper.kite_error import KiteError, bad_input
from paper.market import Market
from paper.ticket import Form, whole

MOST_SLICES = 10


def slices(form: Form, market: Market) -> list[Form]:
    """Return the forms of the orders that a placement becomes; one where it is within the freeze quantity.

    Raises KiteError 400 where they were more than `MOST_SLICES`.
    """
    instrument = market.listing.find(form.get("exchange", ""), form.get("tradingsymbol", ""))
    quantity = whole(form, "quantity")
    most = 0 if instrument is None else instrument.freeze // instrument.lot * instrument.lot
    if not most or quantity <= most:
        return [form]
    if quantity > most * MOST_SLICES:
        raise bad_input(f"The order would be split into more than {MOST_SLICES} orders.")
    return [form | {"quantity": str(min(most, quantity - sent))} for sent in range(0, quantity, most)]


def refused_child(error: KiteError) -> dict[str, Any]:
    """Return the answer's entry for a slice that was refused."""
    return {
        "error": {
            "code": error.status,
            "error_type": error.error_type,
            "message": error.message,
            "data": None,
        }
    }
