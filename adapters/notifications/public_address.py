"""Decides which addresses a notification may be sent to: public ones, none of the own networks.

A user names the address, and a process inside the network calls it. The rules, by IANA's registries of
special addresses, whatever the version of Python says of them:

| address | may be called |
|---|---|
| IPv4 | unless it is in `_SPECIAL_4`: private, shared, loopback, link-local (metadata), protocol, |
|      | documentation, benchmark, 6to4 relay, multicast and reserved networks, and Azure's host |
| IPv6 | inside 2000::/3, the internet's, and there not in `_SPECIAL_6`: 6to4, Teredo, documentation; so no |
|      | unique local, link-local, site-local (fec0::/10), NAT64, multicast, loopback, IPv4-compatible one |
| IPv4-mapped IPv6 | as the IPv4 address |
| port | 443, and those from 1024 on: the others are services that take no webhooks, such as mail |

An address is judged as the client library will use it (`called_url`): full-width or circled digits are digits
to it. It is judged when it is set up, again when it is used, and once more, resolved, at each connection.
"""

import asyncio
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from yarl import URL

CONNECT_SECONDS = 4.0
HTTPS_PORT = 443
_FIRST_FREE_PORT = 1024
_SPECIAL_4 = tuple(
    ip_network(word)
    for word in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
)
_INTERNET_6 = ip_network("2000::/3")
_SPECIAL_6 = tuple(ip_network(word) for word in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


class NotOutside(OSError):
    """The name or address leads into a private network, or nowhere."""


class PortRefused(NotOutside):
    """The port is one to which nothing is sent."""


class NoWebhook(ValueError):
    """An address is no URL that a webhook can have."""


def is_outside(text: str) -> bool:
    """Tell whether an IP address is public. Raises `ValueError` where it is none."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return address in _INTERNET_6 and not any(address in network for network in _SPECIAL_6)
        address = address.ipv4_mapped
    return not any(address in network for network in _SPECIAL_4)


def may_be_called(host: str) -> bool:
    """Tell whether a host is a public address, or a name, which is checked when it is resolved."""
    try:
        return is_outside(host)
    except ValueError:
        return True


def is_port_outside(port: int) -> bool:
    """Tell whether webhooks are sent to this port."""
    return port == HTTPS_PORT or port >= _FIRST_FREE_PORT


def called_url(address: str) -> URL:
    """Return a webhook's URL as the client library will call it: host and port in its normal form.

    Raises `NoWebhook`.
    """
    try:
        url = URL(address)
        port = url.port
    except ValueError:
        raise NoWebhook("must be a URL, such as https://example.com/stopwatch") from None
    if url.scheme not in ("https", "http") or not url.raw_host or not port or "@" in url.raw_authority:
        raise NoWebhook("must be an https URL without a user name, such as https://example.com/stopwatch")
    return url.with_fragment(None)


def judged_url(address: str) -> URL:
    """Return a webhook's URL as it will be called, after judging it. Raises `NoWebhook`, `NotOutside`."""
    url = called_url(address)
    if not may_be_called(str(url.raw_host).strip("[]")):
        raise NotOutside("leads into a private network: notifications go to servers on the internet")
    if url.scheme != "https":
        raise NoWebhook("must be an https URL without a user name, such as https://example.com/stopwatch")
    return url


async def answers(host: str, port: int) -> bool:
    """Tell whether a server accepts connections there: if not, nothing that is sent can arrive."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
