"""Raises alarms."""

from typing import Protocol

from domain.run import Alarm


class Alerts(Protocol):
    """Raises alarms to operators."""

    async def raise_(self, alarm: Alarm) -> None: ...
