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
    return ClientInfo(device, network or UNKNOWN, token.strip() if word.lower() == "bearer" else None)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


ClientInfoDep = Annotated[ClientInfo, Depends(client_info_of)]
