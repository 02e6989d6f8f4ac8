"""The worker's part of `POST /strategy/check`: only it can open the stored login."""

from temporalio import activity

from domain.strategy_check import CheckRequest, CheckResult
from execution.check_reading import CheckReading


class CheckActivities:
    """Reads at the broker; sends and writes nothing."""

    def __init__(self, reading: CheckReading) -> None:
        self._reading = reading

    @activity.defn
    async def read_for_check(self, request: CheckRequest) -> CheckResult:
        """Return price and margins, as far as the broker says them in time."""
        return await self._reading.read(request)
