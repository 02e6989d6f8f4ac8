"""Bodies of `/strategy/check`."""

from datetime import datetime
from typing import Literal

from api.http.bodies import ResponseBody
from api.http.fields import Money
from api.strategies.charges_schema import ChargesOut, charges_out
from domain.margin import Margin
from domain.start_warnings import while_away
from services.strategies.check import Checked


class MarginOut(ResponseBody):
    """The broker's own numbers, in rupees. `short`: what is missing, 0 where nothing is."""

    required: Money
    available: Money
    short: Money


class CheckOut(ResponseBody):
    """What a START now would come to, as if it bought at `last_price`; null is what is not known.

    `risk`: rupees that are lost where the stop sells at `stop_price`, before charges. `charges_estimate`: of
    buying and of selling on that day, both at `last_price`.
    """

    symbol: str
    exchange: str
    mode: Literal["paper", "live"]
    buy_at: datetime | None
    sell_at: datetime | None
    last_price: Money | None
    quantity: int | None
    amount: Money | None
    stop_price: Money | None
    target_price: Money | None
    risk: Money | None
    margin: MarginOut | None
    charges_estimate: ChargesOut | None
    while_away: str
    """What it cannot do while this server, its network or the broker's API is away."""
    warnings: list[str]


def check_out(checked: Checked) -> CheckOut:
    """Return the answer."""
    plan, foreseen = checked.plan, checked.foreseen
    return CheckOut(
        symbol=checked.strategy.symbol,
        exchange=checked.strategy.exchange,
        mode="live" if checked.live else "paper",
        buy_at=plan and plan.buy_at,
        sell_at=plan and plan.sell_at,
        last_price=checked.last_price,
        quantity=foreseen.quantity,
        amount=foreseen.amount,
        stop_price=foreseen.stop,
        target_price=foreseen.target,
        risk=foreseen.risk,
        margin=checked.margin and _margin(checked.margin),
        charges_estimate=foreseen.charges and charges_out(foreseen.charges),
        while_away=while_away(checked.strategy),
        warnings=list(checked.warnings),
    )


def _margin(margin: Margin) -> MarginOut:
    return MarginOut(required=margin.required, available=margin.available, short=margin.short)
