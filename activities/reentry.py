"""The activity of a round that follows another one: waiting for the price at which it is bought again."""

from temporalio import activity

from activities.heartbeat import beating
from domain.run import AwaitPrice
from execution.price_wait import PriceWait


class ReentryActivities:
    """Sends nothing, and may be repeated."""

    def __init__(self, prices: PriceWait) -> None:
        self._prices = prices

    @activity.defn
    async def await_price(self, awaited: AwaitPrice) -> bool:
        """Wait for the price; False once its time is over, or it was cancelled."""
        return await beating(lambda halt: self._prices.reached(awaited, halt))
