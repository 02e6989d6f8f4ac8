"""Decides which addresses a notification may be sent to: public ones, none of the own networks.

A user names the address, and a process inside the network calls it. The resolved address is checked at every
connection: a name may resolve to another one later.
"""

import asyncio
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

CONNECT_SECONDS = 4.0
_EMBEDDED = tuple(ip_network(word) for word in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "::/96"))
"""IPv6 addresses that stand for an IPv4 address, which may be a private one."""


class NotOutside(OSError):
    """The name or address leads into a private network, or nowhere."""


def is_outside(text: str) -> bool:
    """Tell whether an IP address is public."""
    address: IPv4Address | IPv6Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif any(address in network for network in _EMBEDDED):
            return False
    return address.is_global and not address.is_multicast


def may_be_called(host: str) -> bool:
    """Tell whether a host is a public address, or a name, which is checked when it is resolved."""
    try:
        return is_outside(host)
    except ValueError:
        return True


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
