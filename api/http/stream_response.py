"""Answers with an event stream: three tasks for each, and one for all that looks after them.

Five tasks and 330 objects a stream, as a library for it takes, had a full garbage collection last 0.8 s
beside five thousand streams (measured), and all other calls waited for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.http.json_answer import to_json

PING_SECONDS = 15.0
"""So long a stream may be silent: proxies close what says nothing."""
SEND_SECONDS = 30.0
"""A client that takes nothing for this long is gone."""
LOOK_SECONDS = 1.0
BEGINS = b": following\nretry: 1000\n\n"
BEGINS_ANEW = b": beginning anew: there is no event of that id any more\n\n"
PING = b": ping\n\n"

Next = Callable[[], Awaitable[bytes | None]]
"""Returns what is to be sent now: empty where nothing is, None at the end."""
Source = Callable[[Callable[[], None]], AbstractContextManager[Next]]
"""Is given what wakes the stream when there is something new; reads while the context lasts."""


def event_text(name: str, data: object) -> bytes:
    """Return an event without an id, as it is sent."""
    return b"event: %s\ndata: %s\n\n" % (name.encode(), to_json(data))


class StreamKeeper:
    """Looks after the open streams of a process: pings the silent, ends those that take nothing."""

    def __init__(self, ping_seconds: float = PING_SECONDS, send_seconds: float = SEND_SECONDS) -> None:
        self._ping_seconds, self._send_seconds = ping_seconds, send_seconds
        self._open: set[StreamResponse] = set()
        self._looking: asyncio.Task[None] | None = None
        self.ending = False

    def end(self) -> None:
        """End all streams, and those that are asked for from now on: so does the process."""
        self.ending = True
        for stream in self._open:
            stream.wake()

    def is_silent(self, stream: "StreamResponse") -> bool:
        """Tell whether a stream has said nothing for so long that a ping is due."""
        return asyncio.get_running_loop().time() - stream.sent_at >= self._ping_seconds

    @contextmanager
    def keeps(self, stream: "StreamResponse") -> Iterator[None]:
        """Look after a stream while the context lasts."""
        self._open.add(stream)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_on())
        try:
            yield
        finally:
            self._open.discard(stream)
            if not self._open and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _look_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, self._ping_seconds))
            for stream in self._open:
                if stream.is_sending and loop.time() - stream.sent_at >= self._send_seconds:
                    stream.give_up()
                elif not stream.is_sending and self.is_silent(stream):
                    stream.wake()


class StreamResponse(Response):
    """Sends what its source gives until that ends, the client leaves, or it takes nothing any more."""

    def __init__(self, keeper: StreamKeeper, source: Source, status_code: int = 200) -> None:
        # Not the parent's: it measures a body. FastAPI reads the default of the status.
        self.status_code, self.background, self.media_type = status_code, None, "text/event-stream"
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._keeper, self._source = keeper, source
        self._woken = asyncio.Event()
        self._patience = asyncio.timeout(None)
        self._client: asyncio.Task[None] | None = None
        self.sent_at = 0.0
        """When the last sending began, by the loop's clock."""
        self.is_sending = False

    def wake(self) -> None:
        """Have the source be asked."""
        self._woken.set()

    def give_up(self) -> None:
        """End it in the middle of what the client does not take."""
        self._patience.reschedule(asyncio.get_running_loop().time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        client = self._client = asyncio.create_task(_left(receive))
        client.add_done_callback(self._client_left)
        try:
            with self._keeper.keeps(self):
                # Here each piece would come through the twenty layers around the route, and back.
                await asyncio.create_task(self._send_patiently(send))
        finally:
            client.cancel()
        if not (client.done() or self._patience.expired()):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_patiently(self, send: Send) -> None:
        try:
            async with self._patience:
                with self._source(self.wake) as following:
                    await self._send_all(send, following)
        except TimeoutError:
            if not self._patience.expired():
                raise

    async def _send_all(self, send: Send, following: Next) -> None:
        await self._send(send, BEGINS)
        while not self._is_over():
            self._woken.clear()
            chunk = await following()
            if chunk is None:
                return
            if chunk:
                await self._send(send, chunk)
            elif self._keeper.is_silent(self):
                await self._send(send, PING)
            else:
                await self._woken.wait()

    async def _send(self, send: Send, chunk: bytes) -> None:
        self.sent_at, self.is_sending = asyncio.get_running_loop().time(), True
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
        self.is_sending = False

    def _is_over(self) -> bool:
        return self._keeper.ending or self._client is None or self._client.done()

    def _client_left(self, _: "asyncio.Task[None]") -> None:
        self.wake()


async def _left(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
