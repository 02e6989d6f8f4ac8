"""Converts a position from one product to another, within the day."""

from paper.accounts import Account
from paper.instruments import Instrument
from paper.kite_error import bad_input


def convert(
    account: Account, instrument: Instrument, side: str, quantity: int, old: str, new: str, price: int
) -> None:
    """Move a quantity at its average price; `side` is the position's, `price` in paise.

    Raises KiteError 400 when the account does not hold that much.
    """
    net = account.net(instrument, old)
    held = net if side == "BUY" else -net
    if quantity <= 0 or quantity > held:
        raise bad_input("The quantity to convert is more than the open position.")
    opposite = "SELL" if side == "BUY" else "BUY"
    account.position(instrument, old).fill(opposite, quantity, price)
    account.position(instrument, new).fill(side, quantity, price)


def average_price(account: Account, instrument: Instrument, product: str) -> int:
    """Return the open position's average price in paise, 0 without one."""
    position = account.position(instrument, product)
    return position.open_value // abs(position.net) if position.net else 0
