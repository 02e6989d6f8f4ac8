"""Limits the connections of the process: a request's head comes soon and is short, and they are not too many.

The server has a time limit between requests, and none within one: a client that sends a byte a minute, or a
header without an end, would keep a connection, or memory, for as long as it likes.
"""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.process.open_files import allow_open_files
from api.http.errors import MEDIA_TYPE
from api.http.json_answer import to_json
from services.errors import RETRY_SECONDS

HEAD_SECONDS = 10.0
"""From the connection, or the first byte of a further request, to the end of the headers."""
HEAD_LIMIT = 32 * 1024
"""Bytes of a request line and headers; a token and what proxies add is 2 KB."""
OWN_FILES = 256
"""File descriptors left for Postgres, Redis, Temporal, logs."""


class GuardedProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP/1.1 with an end to slow heads, to long ones, and to too many connections."""

    head_seconds: ClassVar[float] = HEAD_SECONDS
    most_connections: ClassVar[int] = 1024

    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(503, "Service Unavailable", "too_many_connections", _FULL)
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._deadline is not None and self._head_bytes > HEAD_LIMIT and not self.transport.is_closing():
            self._refuse(431, "Request Header Fields Too Large", "head_too_large", _LONG)

    def on_headers_complete(self) -> None:
        self._head_is_here()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._deadline is not None:
            # The rest of a request that was answered before all of it was read: from here the connection
            # waits for the next one, as after any other.
            self._head_is_here()
            wait, end = self.timeout_keep_alive, self.timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_later(wait, end)
        super().on_message_complete()

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._deadline = self.loop.call_later(self.head_seconds, self._too_late)

    def _head_is_here(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._head_bytes == 0:
            self.transport.close()  # opened ahead of time and never used: there is nothing to answer
        else:
            self._refuse(408, "Request Timeout", "too_slow", _SLOW)

    def _refuse(self, status: int, title: str, code: str, detail: str) -> None:
        """Answer before there is a request, and close: the connection is of no more use."""
        self._head_is_here()
        problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
        body = to_json(problem)
        head = [
            f"HTTP/1.1 {status} {title}",
            f"content-type: {MEDIA_TYPE}",
            f"content-length: {len(body)}",
            f"retry-after: {RETRY_SECONDS}",
            "cache-control: no-store",
            "connection: close",
        ]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        self.transport.close()


def protocol(most_connections: int, head_seconds: float = HEAD_SECONDS) -> type[GuardedProtocol]:
    """Return the protocol with these limits, for uvicorn's `http`."""
    limits = {"most_connections": most_connections, "head_seconds": head_seconds}
    return type("LimitedProtocol", (GuardedProtocol,), limits)


def most_connections() -> int:
    """Raise the limit of open files as far as we may; return how many connections that leaves room for.

    Beyond it the server could not even say no: accepting fails, and so does every call to Postgres.
    """
    return max(allow_open_files() - OWN_FILES, 16)


_FULL = "There are too many connections at the moment. Try again in a few seconds."
_LONG = f"A request's address and headers have at most {HEAD_LIMIT} bytes."
_SLOW = f"The request did not arrive within {HEAD_SECONDS:.0f} seconds. Send it again."
