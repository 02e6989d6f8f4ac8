"""Check the address of a channel: a public https URL, or a service that Apprise knows."""

import asyncio
from dataclasses import dataclass

from adapters.notifications.public_address import (
    NotOutside,
    NoWebhook,
    called_url,
    is_port_outside,
    judged_url,
)
from adapters.notifications.services import BadAddress, service_of
from services.errors import FieldError, Invalid


@dataclass(frozen=True, slots=True)
class ChannelAddress:
    """An address, and what its user may see of it again."""

    address: str
    shown: str


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
    if not given.isprintable() or " " in given:
        raise bad_address("must be an https URL without a user name, such as https://example.com/stopwatch")
    try:
        url = called_url(given) if anywhere else judged_url(given)
    except (NoWebhook, NotOutside) as refused:
        raise bad_address(str(refused)) from None
    if not anywhere and not is_port_outside(url.port or 0):
        raise bad_address("must be at port 443, or at one from 1024 on")
    return ChannelAddress(str(url), str(url.raw_host))


def bad_address(words: str) -> Invalid:
    return Invalid([FieldError("address", "bad_address", words)])
