"""Sends each notification over its channel, and opens the sealed address only for that."""

import structlog

from adapters.notifications.mail import NO_MAIL, Mailer
from adapters.notifications.services import Services
from adapters.notifications.web_push import WebPushes
from adapters.notifications.webhook import Webhooks
from adapters.secrets.vault import Opener
from domain.account_mail import MailWords
from domain.errors import SecretUnreadable
from domain.notification import (
    Arrival,
    ChannelKind,
    Delivery,
    Notification,
    body_of,
    sealed_name,
    title_of,
)


class ChannelCourier:
    """Implements `domain.ports.Courier`."""

    def __init__(
        self, opener: Opener, webhooks: Webhooks, services: Services, mailer: Mailer, pushes: WebPushes
    ) -> None:
        self._opener = opener
        self._webhooks = webhooks
        self._pushes = pushes
        self._services = services
        self._mailer = mailer

    async def bring(self, notification: Notification) -> Delivery:
        """Send it once. An unexpected error is an unknown outcome, and is logged."""
        try:
            return await self._brought(notification)
        except SecretUnreadable:
            return Delivery(
                Arrival.REFUSED, "The channel's address cannot be read any more: set it up again."
            )
        except Exception as unforeseen:
            # Not the error itself: it may hold the address.
            log = structlog.get_logger()
            log.error(
                "a notification could not be sent",
                notice_id=str(notification.notice_id),
                error=type(unforeseen).__name__,
            )
            return Delivery(Arrival.UNKNOWN, "It could not be sent: it may or may not have arrived.")

    async def _brought(self, notification: Notification) -> Delivery:
        address = await self._opened(notification, notification.address, "address")
        if notification.channel_kind is ChannelKind.WEBHOOK:
            secret = await self._opened(notification, notification.secret or b"", "secret")
            return await self._webhooks.post(notification, address, secret)
        if notification.channel_kind is ChannelKind.EMAIL:
            return await self._mailed(notification, address)
        if notification.channel_kind is ChannelKind.PUSH:
            return await self._pushes.send(notification, address)
        return await self._services.send(notification, address)

    async def _mailed(self, notification: Notification, address: str) -> Delivery:
        """Mail it to the account's own address, as it was when the channel was set up, once confirmed."""
        if not self._mailer.sends:
            return NO_MAIL
        if notification.confirmed is None or notification.confirmed != address:
            return Delivery(
                Arrival.REFUSED,
                "Your e-mail address is not confirmed: open the link that was mailed to you.",
            )
        text = body_of(notification.text, notification.at)
        return await self._mailer.send(address, MailWords(title_of(notification.kind), text))

    async def _opened(self, notification: Notification, blob: bytes, column: str) -> str:
        name = sealed_name(notification.channel_id, column)
        return await self._opener.open(blob, user_id=notification.user_id, field=name)
