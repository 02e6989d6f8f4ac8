"""Brings each notice by its channel's way; opens the sealed address for that, and for nothing else."""

import structlog

from adapters.notifications.services import Services
from adapters.notifications.webhook import Webhooks
from adapters.secrets.vault import Opener
from domain.errors import SecretUnreadable
from domain.notification import Arrival, ChannelKind, Delivery, Notice, sealed_name


class ChannelCourier:
    """Implements `domain.notification.Courier`."""

    def __init__(self, opener: Opener, webhooks: Webhooks, services: Services) -> None:
        self._opener = opener
        self._webhooks = webhooks
        self._services = services

    async def bring(self, notice: Notice) -> Delivery:
        """Send it once. What nobody foresaw is an unknown outcome, and a line in the log."""
        try:
            return await self._brought(notice)
        except SecretUnreadable:
            return Delivery(
                Arrival.REFUSED, "The channel's address cannot be read any more: set it up again."
            )
        except Exception as unforeseen:
            # Not the error itself: it may hold the address.
            log = structlog.get_logger()
            log.error(
                "a notice could not be sent", notice_id=str(notice.notice_id), error=type(unforeseen).__name__
            )
            return Delivery(Arrival.UNKNOWN, "It could not be sent: it may or may not have arrived.")

    async def _brought(self, notice: Notice) -> Delivery:
        address = await self._opened(notice, notice.address, "address")
        if notice.channel_kind is ChannelKind.WEBHOOK:
            secret = await self._opened(notice, notice.secret or b"", "secret")
            return await self._webhooks.post(notice, address, secret)
        if notice.channel_kind is ChannelKind.EMAIL:
            return await self._services.mail(notice, address)
        return await self._services.send(notice, address)

    async def _opened(self, notice: Notice, blob: bytes, column: str) -> str:
        name = sealed_name(notice.channel_id, column)
        return await self._opener.open(blob, user_id=notice.user_id, field=name)
