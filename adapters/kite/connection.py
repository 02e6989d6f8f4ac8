"""One HTTP/1.1 connection to the broker: one request at a time, no retry, no redirect, no pipelining.

A client that sends orders must know what most clients hide: whether a byte has left, whether the other side
closed an idle connection, and the status of an answer whose body never came.
"""

import asyncio
import select
from dataclasses import dataclass, field
from typing import cast

import httptools

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer, head included; the largest known, the list of instruments, has 9.5 MB."""
SWITCHING_PROTOCOLS = 101


@dataclass(slots=True)
class Answer:
    """What came back. `status` is None where no whole head did; `failure` says why the rest is incomplete.

    `headers` are by lower-case name. The body is as received: still compressed where the head says so.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytearray = field(default_factory=bytearray, repr=False)
    failure: str | None = None

    @property
    def ends_with_the_connection(self) -> bool:
        """Whether only the end of the connection tells the end of the body."""
        counted = "content-length" in self.headers or "transfer-encoding" in self.headers
        return self.status is not None and not counted


class Connection(asyncio.Protocol):
    """An open connection. Made by `ConnectionPool.open`; used by one call at a time."""

    def __init__(self, largest: int = LARGEST_ANSWER) -> None:
        self._largest = largest
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._poll = select.poll()
        self._free = False
        self._keeps = False
        self._received = 0
        self._answers = 0
        self._answer = Answer()
        self._waiter: asyncio.Future[Answer] | None = None
        self.idle_since = 0.0
        """The host's uptime since which nothing was asked."""

    async def ask(self, request: bytes, seconds: float) -> Answer:
        """Send a request and return its answer within `seconds`. Raises only its own cancellation.

        From this call on the request counts as sent, whatever happens.
        """
        loop = asyncio.get_running_loop()
        self._free = False
        self._received = 0
        self._answers = 0
        self._answer = Answer()
        waiter: asyncio.Future[Answer] = loop.create_future()
        self._waiter = waiter
        deadline = loop.call_later(seconds, self._end, "Deadline")
        try:
            if self._transport is not None:
                self._transport.write(request)
            return await waiter
        finally:
            deadline.cancel()
            self._waiter = None
            if not self._free:
                self.abort()  # nothing more of the request leaves, and no late answer meets the next one

    @property
    def alive(self) -> bool:
        """Whether it can take a request, judged by what was read so far."""
        return self._free and self._transport is not None and not self._transport.is_closing()

    def usable(self) -> bool:
        """Whether it can take a request: nothing was received since the last answer, no end of stream either.

        Asks the kernel: the event loop may not yet have read that the other side closed.
        """
        return self.alive and not self._poll.poll(0)

    def abort(self) -> None:
        """Close at once; buffered bytes do not leave."""
        self._free = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # uvloop holds a write back to the end of its turn, unless the buffer is over its limit.
        self._transport.set_write_buffer_limits(high=0)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._free = True

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._waiter is None or self._waiter.done():
            self.abort()  # nothing was asked: whatever this is, the next answer would be mistaken
        elif self._received > self._largest:
            self._end("TooLarge")
        else:
            self._feed(data)

    def eof_received(self) -> None:
        self._free = False
        self._end(None if self._answer.ends_with_the_connection else "RemoteDisconnected")

    def connection_lost(self, exc: Exception | None) -> None:
        self._free = False
        if exc is None:
            self.eof_received()
        else:
            self._end(type(exc).__name__)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as odd:
            self._free = False
            self._end(type(odd).__name__)

    def _end(self, failure: str | None) -> None:
        """Deliver the answer; later bytes are ignored."""
        answer, self._answer = self._answer, Answer()
        if self._waiter is not None and not self._waiter.done():
            answer.failure = failure
            self._waiter.set_result(answer)

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._answers += 1
        if self._answers > 1:
            self._free = False  # a second answer to one request: the next would be mistaken

    def on_header(self, name: bytes, value: bytes) -> None:
        headers, key, text = self._answer.headers, name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        self._answer.status = self._parser.get_status_code()
        self._keeps = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._answer.body += body

    def on_message_complete(self) -> None:
        status = self._answer.status or 0
        if status < 200 and status != SWITCHING_PROTOCOLS:
            self._answer = Answer()  # 100, 102, 103: the answer itself is still to come
            self._answers -= 1
            return
        self._free = self._keeps and status >= 200 and self._answers == 1
        self._end(None)
