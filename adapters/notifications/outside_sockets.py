"""Connects to public addresses only: judged at the socket, when the name is resolved and nothing is sent yet.

Two clients connect for users: aiohttp, which asks for its sockets (`socket_to_outside`), and Apprise's
`requests`, whose connections urllib3 makes. The latter's function is replaced once and guards the threads
that ask for it (`outside_only`); other threads of the process, such as those of the broker's library, are not
touched.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from urllib3.util import connection as urllib3_connection

from adapters.notifications.public_address import NotOutside, PortRefused, is_outside, is_port_outside

AddressInfo = tuple[Any, ...]
"""As `socket.getaddrinfo` returns it: family, type, protocol, canonical name, address."""
_GUARD = threading.local()


def socket_to_outside(info: AddressInfo) -> socket.socket:
    """Return a socket for a connection to `info`. Raises `NotOutside` where that is not public."""
    family, kind, protocol, _, address = info
    _refuse_inside(str(address[0]), int(address[1]))
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


@contextmanager
def outside_only() -> Iterator[None]:
    """Let this thread connect through urllib3 to public addresses only, while the context is open."""
    _install()
    before = getattr(_GUARD, "on", False)
    _GUARD.on = True
    try:
        yield
    finally:
        _GUARD.on = before


def _refuse_inside(host: str, port: int) -> None:
    if not is_outside(host):
        raise NotOutside("the address is not public")
    if not is_port_outside(port):
        raise PortRefused("nothing is sent to this port")


def _install() -> None:
    plain = urllib3_connection.create_connection
    if not isinstance(plain, _Guarded):
        urllib3_connection.create_connection = _Guarded(plain)


class _Guarded:
    """urllib3's `create_connection`, which in a guarded thread resolves first, and calls what is public."""

    def __init__(self, plain: Callable[..., socket.socket]) -> None:
        self._plain = plain

    def __call__(self, address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:
        if not getattr(_GUARD, "on", False):
            return self._plain(address, *arguments, **options)
        host, port = address
        failed: OSError = NotOutside("the name does not resolve")
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
        for number in dict.fromkeys(str(info[4][0]) for info in found):
            try:
                _refuse_inside(number, port)
                return self._plain((number, port), *arguments, **options)
            except OSError as error:
                failed = error
        raise failed
