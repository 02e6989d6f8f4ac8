"""Client metadata before authentication: an address, and what the device calls itself."""

import ipaddress
from typing import Annotated

from fastapi import Depends, Request

from adapters.postgres.logins import Device
from services.auth.client_info import ClientInfo

LONGEST_AGENT = 120
UNKNOWN = "unknown"


async def client_info_of(request: Request) -> ClientInfo:
    """Return the client. X-Forwarded-For has been heeded already, where a trusted proxy wrote it."""
    address = _address(request.client.host if request.client else "")
    agent = "".join(letter for letter in request.headers.get("user-agent", "") if letter.isprintable())
    word, _, token = request.headers.get("authorization", "").partition(" ")
    network = _network(address) if address else None
    device = Device(str(address) if address else None, network, agent[:LONGEST_AGENT].strip() or None)
    # A proxy that says no address: all of those share one allowance.
    bearer = token.strip() if word.lower() == "bearer" else None
    return ClientInfo(device, network or UNKNOWN, bearer, _around(address) if address else ())


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # Of fe80::1%eth0 the name of an interface is left out: it may be any text, and tells two hosts apart
        # only on the machine that wrote it.
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.version == 6:
        return str(ipaddress.ip_network((str(address), 64), strict=False))
    return str(address)


def _around(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[str, ...]:
    """Return the networks around it that registrations count by."""
    sizes = (48, 32) if address.version == 6 else (24,)
    return tuple(str(ipaddress.ip_network((str(address), size), strict=False)) for size in sizes)


ClientInfoDep = Annotated[ClientInfo, Depends(client_info_of)]
