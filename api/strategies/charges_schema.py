"""Defines what trades cost, in answers."""

from api.http.bodies import ResponseBody
from api.http.fields import Money
from domain.charges import Charges


class ChargesOut(ResponseBody):
    """Rupees, each rounded to the paisa; `total` is the sum of the others. `schedule` names the rates."""

    brokerage: Money
    stt: Money
    exchange: Money
    sebi: Money
    stamp: Money
    gst: Money
    dp: Money
    total: Money
    schedule: str


def charges_out(charges: Charges) -> ChargesOut:
    """Return charges as an answer has them."""
    return ChargesOut.model_validate(charges.in_paise(), from_attributes=True)
