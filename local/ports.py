"""Reserves ports of this machine from the first start of a process to its last restart."""

import errno
import random
import socket
import sys
from typing import Self

from local.start_errors import CannotStart

# Below the range from which Linux and macOS take ports for outgoing connections: while a process is down, a
# client that tries again and again would otherwise be given the process's own port, and connect to itself.
_RANGE = range(20_000, 32_000)
_ATTEMPTS = 500
_HERE = "127.0.0.1"


class HeldPort:
    """A bound port: another `up` cannot take it, the part it is meant for can listen on it."""

    def __init__(self, number: int, holder: socket.socket | None) -> None:
        self.number = number
        self._holder = holder

    @classmethod
    def free(cls) -> Self:
        for number in random.sample(_RANGE, _ATTEMPTS):  # nosec B311
            try:
                return cls._hold(number, _HERE, shared_before_bind=False)
            except OSError:
                continue
        raise CannotStart(
            "No free port between 20000 and 32000 on 127.0.0.1: end what uses them, then start again."
        )

    @classmethod
    def named(cls, number: int, host: str = _HERE) -> Self:
        """Reserve the requested port of an IPv4 address of this machine; a port in use ends the start."""
        try:
            with _tcp_socket(shared=True) as probe:
                probe.bind((host, number))
                probe.listen()
            return cls._hold(number, host, shared_before_bind=True)
        except OSError as error:
            raise CannotStart(_refusal(number, host, error)) from error

    @classmethod
    def _hold(cls, number: int, host: str, *, shared_before_bind: bool) -> Self:
        holder = _tcp_socket(shared=shared_before_bind)
        try:
            holder.bind((host, number))
        except OSError:
            holder.close()
            raise
        if sys.platform != "linux":
            # Elsewhere a bound socket keeps the process itself out as well.
            holder.close()
            return cls(number, None)
        # Linux lets a second socket listen where a first is only bound, if both say so.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return cls(number, holder)

    def release(self) -> None:
        if self._holder is not None:
            self._holder.close()


def _tcp_socket(*, shared: bool) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if shared:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _refusal(number: int, host: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {number} on {host} is in use by another program: end it, or choose another with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: --host takes one that is, or 0.0.0.0 for all of them."
    return f"Port {number} on {host} cannot be used ({error.strerror}): choose another with --port."
