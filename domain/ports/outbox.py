"""The queue of notifications."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from domain.notification import AlarmNotification, Delivery, Notification


class Outbox(Protocol):
    """The queue of notifications. Every method raises `StoreUnavailable`."""

    async def is_idle(self) -> bool:
        """Tell whether there is nothing to make, send or mark unknown: cheap, since it is called often."""
        ...

    async def gather(self) -> None:
        """Make notifications of new events, and mark those unknown whose sender has vanished."""
        ...

    async def claim(self, most: int) -> Sequence[Notification]:
        """Claim what is due: a channel's notifications one at a time, in order."""
        ...

    async def settle(self, notification: Notification, delivery: Delivery) -> None:
        """Write the outcome of a claimed notification."""
        ...

    async def tell(self, user_id: UUID, notification: AlarmNotification, text: str, at: datetime) -> None:
        """Make notifications for an event outside the timeline."""
        ...

    async def forget(self) -> None:
        """Delete old notifications."""
        ...
