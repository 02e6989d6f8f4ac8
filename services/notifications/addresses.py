"""Check the address of a channel: a public https URL, a browser, or a service that Apprise knows."""

import asyncio
from dataclasses import dataclass, replace

from yarl import URL

from adapters.notifications.public_address import (
    NotOutside,
    NoWebhook,
    called_url,
    is_port_outside,
    judged_url,
)
from adapters.notifications.push_subscription import BadSubscription, PushSubscription
from adapters.notifications.services import BadAddress, service_of
from services.errors import FieldError, Invalid


@dataclass(frozen=True, slots=True)
class ChannelAddress:
    """An address, and what its user may see of it again."""

    address: str
    shown: str
    digest: bytes | None = None
    """Of a browser's subscription: set up again, it is the same channel."""


async def service_address(given: str) -> ChannelAddress:
    """Return a service's address. Raises `Invalid`."""
    try:
        service = await asyncio.to_thread(service_of, given)
    except BadAddress as bad:
        raise bad_address(str(bad)) from None
    return ChannelAddress(given, service.name)


def webhook_address(given: str, *, anywhere: bool) -> ChannelAddress:
    """Return a webhook's address; `anywhere` allows http and private networks. Raises `Invalid`.

    It is judged as the client library will call it, and stored in that form.
    """
    try:
        url = _judged(given, anywhere)
    except (NoWebhook, NotOutside) as refused:
        raise bad_address(str(refused)) from None
    return ChannelAddress(str(url), str(url.raw_host))


def push_address(given: PushSubscription, *, anywhere: bool) -> ChannelAddress:
    """Return a browser's address, whose endpoint is judged as a webhook's is. Raises `Invalid`."""
    try:
        keys = given.checked()
        url = _judged(given.endpoint.strip(), anywhere)
    except BadSubscription as bad:
        raise bad_subscription(str(bad)) from None
    except (NoWebhook, NotOutside) as refused:
        raise bad_subscription(f"its endpoint {refused}") from None
    subscription = replace(keys, endpoint=str(url))
    return ChannelAddress(subscription.text, f"This browser ({url.raw_host})", subscription.digest)


def _judged(given: str, anywhere: bool) -> URL:
    if not given.isprintable() or " " in given:
        raise NoWebhook("must be an https URL without a user name, such as https://example.com/stopwatch")
    url = called_url(given) if anywhere else judged_url(given)
    if not anywhere and not is_port_outside(url.port or 0):
        raise NoWebhook("must be at port 443, or at one from 1024 on")
    return url


def bad_subscription(words: str) -> Invalid:
    return Invalid([FieldError("subscription", "bad_subscription", words)])


def bad_address(words: str) -> Invalid:
    return Invalid([FieldError("address", "bad_address", words)])
