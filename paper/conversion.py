"""Converts a position from one product to another, within the day."""

from paper.accounts import Account
from paper.exchange import Exchange
from paper.instruments import Instrument
from paper.kite_error import bad_input


def convert_now(
    exchange: Exchange,
    account: Account,
    instrument: Instrument,
    side: str,
    quantity: int,
    old: str,
    new: str,
) -> None:
    """Move a quantity of today's position, and write it into the journal; `side` is the position's.

    Raises KiteError 400 for products that the instrument has not, and for more than the account holds.
    """
    allowed = ("NRML", "MIS") if instrument.is_derivative else ("CNC", "MIS")
    if old == new or old not in allowed or new not in allowed or side not in ("BUY", "SELL"):
        raise bad_input("Invalid `old_product` or `new_product`.")
    price = average_price(account, instrument, old)
    convert(account, instrument, side, quantity, old, new, price)
    record = {
        "user_id": account.user_id,
        "at": [instrument.exchange, instrument.symbol],
        "side": side,
        "quantity": quantity,
        "old": old,
        "new": new,
        "price": price,
    }
    exchange.journal.add("convert", record)
    exchange.journal.flush()


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
