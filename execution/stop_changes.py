"""Asks the broker for changes of orders that rest: each is claimed, written down, and asked for once."""

from datetime import datetime

from domain.errors import BrokerRefused, BrokerUnavailable, LoginNeeded
from domain.failpoint import failpoint
from domain.order import Reason
from domain.ports import Broker, RestingStops
from domain.protected_exit import Cancel, Modify, ToMarket
from domain.stop_prices import StopPrices
from execution.order_book import cancel

USED_UP = "maximum allowed order modifications exceeded"
"""Kite's words where an order takes no more changes."""


class StopChanges:
    """Carries out what `domain.protected_step` asks of an open order. The order book says what came of it."""

    def __init__(self, stops: RestingStops) -> None:
        self._stops = stops

    async def make(
        self, action: Modify | ToMarket | Cancel, broker: Broker, reason: Reason, due_at: datetime
    ) -> bool:
        """Ask for one change; False where another caller has the right to it, or the account has no room."""
        attempt = action.order.attempt
        number = attempt.broker_order_id or ""
        if isinstance(action, Cancel):
            await self._stops.cancel_asked(attempt)
            return await cancel(broker, number)
        prices = action.prices if isinstance(action, Modify) else None
        trigger = None if prices is None else prices.trigger
        if not number or not await self._stops.change(attempt, action.number, trigger, reason, due_at):
            return False
        await failpoint("exit.changing")
        refused = await _ask(broker, number, prices)
        await failpoint("exit.changed")
        if refused is not None:
            await self._stops.refused(attempt, action.number, used_up=USED_UP in refused.lower())
        return True


async def _ask(broker: Broker, number: str, prices: StopPrices | None) -> str | None:
    """Ask; return the broker's words where it refused, None where it took it or nothing is known."""
    try:
        await broker.modify_stop(number, prices)
    except BrokerRefused as refused:
        return str(refused)
    except (BrokerUnavailable, LoginNeeded):
        return None
    return None
