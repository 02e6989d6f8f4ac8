"""Sends notifications to browsers by Web Push: encrypted for the browser, signed for its push service.

pywebpush encrypts (RFC 8291) and py-vapid signs (RFC 8292). The request goes out by the client of webhooks,
since a user names this address as well. The push service sees neither title nor text.
"""

from collections.abc import Mapping
from datetime import datetime

import orjson
from py_vapid import VapidException
from pywebpush import WebPusher

from adapters.notifications.outside_calls import AGENT, OutsideCalls, answered
from adapters.notifications.push_subscription import BadSubscription, PushSubscription
from adapters.notifications.vapid import PushKey
from domain.notification import Arrival, Delivery, Notification, NotificationKind, body_of, title_of
from domain.ports import Clock

TTL_SECONDS = 12 * 3600
"""How long a push service keeps it for a browser that is away; the day after, the app tells it better."""
LONGEST_BODY = 600
"""Characters; push services take 4096 bytes, encrypted."""
_ENCODING = "aes128gcm"
_USUAL = frozenset({NotificationKind.FILL, NotificationKind.TARGET, NotificationKind.MISSED})
"""Delivered when the device is awake anyway; the other kinds wake it."""
_GONE = frozenset({404, 410})
_KEY_REFUSED = frozenset({401, 403})
_NO_KEY = Delivery(
    Arrival.REFUSED, "This server sends nothing to browsers: STOPWATCH_PUSH_PRIVATE_KEY is not set."
)
_UNUSABLE = Delivery(Arrival.REFUSED, "The channel's address is not one that is called: set it up again.")


class WebPushes(OutsideCalls):
    """Calls browsers' push services. Without a key nothing is sent."""

    def __init__(self, clock: Clock, key: PushKey | None, *, anywhere: bool = False) -> None:
        super().__init__(anywhere=anywhere)
        self._clock = clock
        self._key = key

    async def send(self, notification: Notification, stored: str) -> Delivery:
        """Send it once to a stored subscription and return what is known of it."""
        if self._key is None:
            return _NO_KEY
        try:
            subscription = PushSubscription.of_text(stored).checked()
            headers = self._headers(notification, subscription.endpoint, self._key, self._clock.now())
        except (BadSubscription, VapidException, ValueError):
            return _UNUSABLE
        body = WebPusher(subscription.info).encode(orjson.dumps(content(notification)), _ENCODING)["body"]
        return await self._call(subscription.endpoint, body, headers, push_answered)

    @staticmethod
    def _headers(notification: Notification, endpoint: str, key: PushKey, now: datetime) -> dict[str, str]:
        return {
            "Authorization": key.authorization(endpoint, now),
            "Content-Encoding": _ENCODING,
            "Content-Type": "application/octet-stream",
            "TTL": str(TTL_SECONDS),
            "Urgency": "normal" if notification.kind in _USUAL else "high",
            "User-Agent": AGENT,
        }


def content(notification: Notification) -> Mapping[str, str]:
    """Return what the app's service worker is given; `tag` is the notification's id, `place` a page."""
    body = body_of(notification.text, notification.at)
    return {
        "title": title_of(notification.kind),
        "body": body if len(body) <= LONGEST_BODY else f"{body[: LONGEST_BODY - 1]}…",
        "place": place_of(notification),
        "tag": str(notification.notice_id),
    }


def place_of(notification: Notification) -> str:
    """Return the page of the app that shows what it is about."""
    if notification.strategy_id is not None:
        return f"#/s/{notification.strategy_id}"
    if notification.kind is NotificationKind.LOGIN_NEEDED:
        return "#/broker"
    return "#/account" if notification.kind is NotificationKind.TEST else "#/"


def push_answered(status: int) -> Delivery:
    """Return the outcome for a push service's status."""
    if status in _GONE:
        words = f"The push service answered {status}: this browser takes no notifications any more."
        return Delivery(Arrival.GONE, words)
    if status in _KEY_REFUSED:
        words = (
            f"The push service answered {status}: it does not know this server's key. "
            "Turn notifications off and on again in that browser."
        )
        return Delivery(Arrival.REFUSED, words)
    return answered(status)
