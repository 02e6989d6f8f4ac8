"""Check the address of a channel: a public https URL, or a service that Apprise knows."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urldefrag, urlsplit

from adapters.notifications.public_address import may_be_called
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
    """Return a webhook's address; `anywhere` allows http and private networks. Raises `Invalid`."""
    schemes = ("https", "http") if anywhere else ("https",)
    try:
        url = urlsplit(given)
        host = (url.hostname or "").encode("idna").decode()
        usable = url.scheme in schemes and host and url.port != 0 and "@" not in url.netloc
    except ValueError:
        raise bad_address("must be a URL, such as https://example.com/stopwatch") from None
    if not usable or not given.isprintable() or " " in given:
        raise bad_address("must be an https URL without a user name, such as https://example.com/stopwatch")
    if not anywhere and not may_be_called(host):
        raise bad_address("leads into a private network: notifications go to servers on the internet")
    return ChannelAddress(urldefrag(given).url, host)


def bad_address(words: str) -> Invalid:
    return Invalid([FieldError("address", "bad_address", words)])
