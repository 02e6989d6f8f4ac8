"""Holds where the API listens, and how it is reached from this machine and from others in its network."""

import ipaddress
import socket
from dataclasses import dataclass

_ELSEWHERE = ("192.0.2.1", 9)
"""An address of no machine (RFC 5737): nothing is sent, but the system says from where it would be."""


@dataclass(frozen=True, slots=True)
class Listening:
    """`host` is an IPv4 address of this machine; 0.0.0.0 means all of them."""

    host: str
    port: int

    @property
    def is_open(self) -> bool:
        """Tell whether other machines reach it."""
        return not ipaddress.ip_address(self.host).is_loopback

    @property
    def from_here(self) -> str:
        """Return the address for programs on this machine."""
        return self._at("127.0.0.1")

    @property
    def from_outside(self) -> str:
        """Return the address for other machines; that for this one where it has no network."""
        return self._at(_own_address())

    def _at(self, any_host: str) -> str:
        host = any_host if ipaddress.ip_address(self.host).is_unspecified else self.host
        return f"http://{host}:{self.port}"


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
            return str(probe.getsockname()[0])
        except OSError:  # no network at all
            return "127.0.0.1"
