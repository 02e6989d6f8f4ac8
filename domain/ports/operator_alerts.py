"""Reads what operators have to act on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.operator_alerts import LeftOver, LoginNeeded
from domain.run import StartRun


class OperatorAlerts(Protocol):
    """What operators have to act on, of all users."""

    async def logins_needed(self, now: datetime) -> Sequence[LoginNeeded]:
        """Return the strategies that are due while their user's broker login is dead."""
        ...

    async def entries_due(self, now: datetime) -> Sequence[StartRun]:
        """Return the STARTs of today whose purchase is still ahead, soonest first."""
        ...

    async def left_over(self) -> Sequence[LeftOver]:
        """Return the shares that stopped strategies still hold, not on purpose."""
        ...
