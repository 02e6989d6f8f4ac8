"""Computes the margins of orders and accounts, in paise."""

from collections.abc import Callable
from typing import Any

from paper.accounts import Account
from paper.instruments import Instrument
from paper.money import rupees
from paper.orders import Order

# The price of an instrument now, in paise.
LastPrice = Callable[[Instrument], int]

# Shares of the notional, in percent: five times leverage intraday, span and exposure for futures.
INTRADAY_PERCENT = 20
SPAN_PERCENT = 12
EXPOSURE_PERCENT = 3


def required(instrument: Instrument, product: str, side: str, quantity: int, price: int) -> int:
    """Return the margin for opening a quantity."""
    span, exposure, premium, var = components(instrument, product, side, quantity, price)
    return span + exposure + premium + var


def components(
    instrument: Instrument, product: str, side: str, quantity: int, price: int
) -> tuple[int, int, int, int]:
    """Return span, exposure, option premium and the cash market's VaR margin."""
    value = quantity * price
    if instrument.kind in ("CE", "PE"):
        if side == "BUY":
            return 0, 0, value, 0
        notional = quantity * instrument.strike
        return notional * SPAN_PERCENT // 100, notional * EXPOSURE_PERCENT // 100, 0, 0
    if instrument.kind == "FUT":
        return value * SPAN_PERCENT // 100, value * EXPOSURE_PERCENT // 100, 0, 0
    if product in ("CNC", "MTF"):
        return 0, 0, 0, value if side == "BUY" else 0
    return 0, 0, 0, value * INTRADAY_PERCENT // 100


def additional(account: Account, instrument: Instrument, product: str, side: str, quantity: int) -> int:
    """Return how much of a quantity opens or enlarges a position; the rest closes one without margin."""
    net = account.net(instrument, product)
    opposite = -net if side == "BUY" else net
    return max(0, quantity - max(0, opposite))


def blocked_by(account: Account, order: Order, last: int) -> int:
    """Return the margin blocked by the open part of an order."""
    quantity = additional(account, order.instrument, order.product, order.side, order.open_quantity)
    return required(
        order.instrument, order.product, order.side, quantity, order.price or order.trigger or last
    )


def used_by_positions(account: Account) -> dict[str, int]:
    """Return the margin used by positions, by Kite's names."""
    used = {"span": 0, "exposure": 0, "option_premium": 0, "delivery": 0, "m2m_realised": 0, "turnover": 0}
    for position in account.positions.values():
        if position.product == "CNC":
            used["delivery"] += position.day_buy_value - position.day_sell_value
            continue
        used["m2m_realised"] += position.realised
        net = position.net
        if net:
            side = "BUY" if net > 0 else "SELL"
            price = position.open_value // abs(net)
            span, exposure, premium, var = components(
                position.instrument, position.product, side, abs(net), price
            )
            used["span"] += span + var
            used["exposure"] += exposure
            used["option_premium"] += premium
    return used


def available(account: Account, last_price: LastPrice) -> int:
    """Return the cash that is not blocked."""
    used = used_by_positions(account)
    tied = used["span"] + used["exposure"] + used["option_premium"] + used["delivery"]
    orders = sum(blocked_by(account, order, last_price(order.instrument)) for order in account.live.values())
    return account.cash + used["m2m_realised"] - tied - orders


def segment_row(account: Account, last_price: LastPrice) -> dict[str, Any]:
    """Return the equity segment of `/user/margins`."""
    used = used_by_positions(account)
    net = available(account, last_price)
    debits = account.cash - net
    return {
        "enabled": True,
        "net": rupees(net),
        "available": {
            "adhoc_margin": 0,
            "cash": rupees(account.cash),
            "opening_balance": rupees(account.cash),
            "live_balance": rupees(net),
            "collateral": 0,
            "intraday_payin": 0,
        },
        "utilised": {
            "debits": rupees(debits),
            "exposure": rupees(used["exposure"]),
            "m2m_realised": rupees(used["m2m_realised"]),
            "m2m_unrealised": 0,
            "option_premium": rupees(used["option_premium"]),
            "payout": 0,
            "span": rupees(used["span"]),
            "holding_sales": rupees(max(0, -used["delivery"])),
            "turnover": 0,
            "liquid_collateral": 0,
            "stock_collateral": 0,
            "delivery": rupees(max(0, used["delivery"])),
        },
    }


def empty_segment() -> dict[str, Any]:
    """Return the commodity segment: enabled, and empty."""
    return segment_row(Account("", "", "", 0, ""), lambda instrument: 0)
