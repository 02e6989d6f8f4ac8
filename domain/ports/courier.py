"""Delivers notifications to their channels."""

from typing import Protocol

from domain.notification import Delivery, Notification


class Courier(Protocol):
    """Delivers notifications."""

    async def bring(self, notification: Notification) -> Delivery:
        """Send it once, and never raise for a failure of the receiver. Ends within a few seconds."""
        ...
