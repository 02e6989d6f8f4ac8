"""Asks a proxy for a tunnel to the broker (CONNECT)."""

import asyncio
from typing import cast

LONGEST_HEAD = 64 * 1024


class TunnelRefused(OSError):
    """The proxy refused, or did not answer as a proxy does."""


class Tunnel(asyncio.Protocol):
    """Asks for one tunnel; then the connection belongs to another protocol."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    async def open(self, authority: str, headers: str) -> asyncio.Transport:
        """Ask, and return the transport inside the tunnel. Raises `TunnelRefused`.

        `headers` are the proxy's own; they hold nothing meant for the broker.
        """
        assert self._transport is not None  # noqa: S101 - asked after it was connected
        request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{headers}\r\n"
        self._transport.write(request.encode("latin-1"))
        await self._opened
        return self._transport

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if b"\r\n\r\n" in self._head:
            words = bytes(self._head).split(b" ", 2)
            # The broker speaks second inside: bytes behind the head belong to neither.
            good = (
                self._head.endswith(b"\r\n\r\n") and words[0].startswith(b"HTTP/1.") and words[1][:1] == b"2"
            )
            self._end(None if good else TunnelRefused("the proxy refused the tunnel"))
        elif len(self._head) > LONGEST_HEAD:
            self._end(TunnelRefused("the proxy's answer has no end"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(TunnelRefused("the proxy hung up"))

    def _end(self, failure: TunnelRefused | None) -> None:
        if self._opened.done():
            return
        if failure is None:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(failure)
