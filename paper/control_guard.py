"""Keeps the control endpoints for programs on this machine: they hand out secrets and move prices.

A web page in a browser on this machine comes from this machine too. It is known by its `Origin`, and by the
`Host` it was served under: a page whose name was bound anew to 127.0.0.1 still calls that name.
"""

import ipaddress
import re

from multidict import MultiMapping

from paper.kite_error import KiteError

LOOPBACK_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d*)?|::1", re.IGNORECASE)


def check_caller(peer: str | None, headers: MultiMapping[str]) -> None:
    """Let a caller pass that is on this machine, names it in `Host`, and is no page of another origin.

    Raises KiteError 403.
    """
    if peer is None or not _is_loopback(peer):
        raise _refused("The control endpoints answer only to this machine.")
    hosts = headers.getall("Host", [])
    if len(hosts) != 1 or not LOOPBACK_HOST.fullmatch(hosts[0]):
        raise _refused("The control endpoints answer only under 127.0.0.1, localhost or ::1.")
    if any(origin != f"http://{hosts[0]}" for origin in headers.getall("Origin", [])):
        raise _refused("The control endpoints answer no web page of another origin.")


def _is_loopback(host: str) -> bool:
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _refused(why: str) -> KiteError:
    return KiteError(403, "", why)
