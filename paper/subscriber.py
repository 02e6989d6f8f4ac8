"""One socket: its subscriptions, their modes, and the messages to send."""

import asyncio
from collections import deque

from aiohttp import web

from paper.packets import MODES, QUOTE, frame

MOST_TOKENS = 3000
# A client that does not read loses the oldest ticks, as with any exchange feed.
OUTBOX = 20_000


class Subscriber:
    """Queues messages for one sending task, so that a slow reader delays no other socket."""

    def __init__(self, socket: web.WebSocketResponse, user_id: str) -> None:
        self.socket = socket
        self.user_id = user_id
        self.modes: dict[int, str] = {}
        self.transport: asyncio.Transport | None = None
        self._outbox: deque[bytes | str | asyncio.Future[float]] = deque(maxlen=OUTBOX)
        self._ticks: list[bytes] = []
        self._wake = asyncio.Event()

    def listen(self, token: int, mode: str | None) -> bool:
        """Add a token or change its mode; False beyond 3000.

        Raises ValueError for a mode that does not exist.
        """
        if mode is not None and mode not in MODES:
            raise ValueError(mode)
        if token not in self.modes and len(self.modes) >= MOST_TOKENS:
            return False
        # A bare subscribe means quote, as the Python client assumes.
        self.modes[token] = mode or self.modes.get(token, QUOTE)
        return True

    def tick(self, body: bytes) -> None:
        """Queue one packet; packets of one pass share a frame."""
        self._ticks.append(body)
        self._wake.set()

    def put(self, item: bytes | str) -> None:
        """Queue a message behind earlier ticks."""
        self._flush_ticks()
        self._outbox.append(item)
        self._wake.set()

    def mark(self) -> "asyncio.Future[float]":
        """Queue a mark behind everything so far; it gets the instant at which that was sent."""
        self._flush_ticks()
        mark = asyncio.get_running_loop().create_future()
        self._outbox.append(mark)
        self._wake.set()
        return mark

    async def next(self, timeout: float) -> "bytes | str | asyncio.Future[float] | None":
        """Return the next message or mark, None when there was none for so long."""
        if not self._outbox and not self._ticks:
            self._wake.clear()
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                return None
        self._flush_ticks()
        return self._outbox.popleft() if self._outbox else None

    def cut(self) -> None:
        """End the TCP connection without a close frame."""
        if self.transport is not None:
            self.transport.abort()

    def _flush_ticks(self) -> None:
        if self._ticks:
            self._outbox.append(frame(self._ticks))
            self._ticks = []
