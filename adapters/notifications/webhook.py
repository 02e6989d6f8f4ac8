"""Sends signed webhooks, by the Standard Webhooks specification (standardwebhooks.com, version 1).

`webhook-id` is the notification's id, the same in every try; `webhook-signature` is an HMAC over id, time and
body. Receivers verify it with the specification's own libraries.
"""

from datetime import UTC, datetime

import orjson
from standardwebhooks import Webhook

from adapters.notifications.outside_calls import AGENT, OutsideCalls, answered
from domain.notification import Delivery, Notification, title_of
from domain.ports import Clock


class Webhooks(OutsideCalls):
    """Calls users' own servers."""

    def __init__(self, clock: Clock, *, anywhere: bool = False) -> None:
        super().__init__(anywhere=anywhere)
        self._clock = clock

    async def post(self, notification: Notification, address: str, secret: str) -> Delivery:
        """Send it once and return what is known of it."""
        body = orjson.dumps(content(notification))
        headers = signed(notification, body, secret, self._clock.now())
        return await self._call(address, body, headers, answered)


def content(notification: Notification) -> dict[str, object]:
    """Return the JSON body: the kind, the time, and the strategy."""
    return {
        "type": notification.kind.value,
        "timestamp": notification.at.isoformat(),
        "data": {
            "notice_id": str(notification.notice_id),
            "strategy_id": str(notification.strategy_id) if notification.strategy_id else None,
            "title": title_of(notification.kind),
            "text": notification.text,
        },
    }


def signed(notification: Notification, body: bytes, secret: str, now: datetime) -> dict[str, str]:
    """Return the headers by which a receiver verifies the sender and the age."""
    signature = Webhook(secret).sign(str(notification.notice_id), now.astimezone(UTC), body.decode())
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "webhook-id": str(notification.notice_id),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
