"""Keeps one WebSocket to Kite open: at most 3,000 instruments, a watchdog, endless reconnection."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice

import aiohttp
import orjson
import structlog
from yarl import URL

from adapters.kite.frames import decode_all
from adapters.kite.mapping import tags
from domain.errors import BrokerNotConnected, LoginNeeded, StopwatchError
from domain.market_data import PriceReceiver
from domain.ports import Clock

TOKENS_EACH = 3_000
"""Instruments Kite carries on one connection."""
MODE = "ltp"
"""The smallest packets, sent when a price changes. No mode below `full` carries the exchange's time."""
_REFUSED = frozenset({400, 401, 403})
"""A dead or missing token at the upgrade (also too many connections); other answers are passing faults."""
_AT_ONCE = 1_000
"""Tokens in one subscription message."""

log = structlog.stdlib.get_logger("feed")


@dataclass(frozen=True, slots=True)
class FeedLogin:
    """The credentials that open the feed of one account."""

    api_key: str = field(repr=False)
    access_token: str = field(repr=False)


Login = Callable[[], Awaitable[FeedLogin]]
"""Returns the newest login; asked before each connection, since a token dies every morning."""


@dataclass(frozen=True, slots=True)
class FeedTimes:
    """Seconds. `silent`: without any frame, heartbeats included, a connection counts as lost."""

    silent: float = 5.0
    connect: float = 5.0
    reconnect: float = 2.0
    refused: float = 10.0
    """A login that was refused is not tried again for so long; a new one at the next reconnection."""
    close: float = 0.2


class SocketState(StrEnum):
    LOST = "lost"
    ALIVE = "alive"
    LOGIN_NEEDED = "login_needed"


class FeedSocket:
    """Connected while it has tokens. Nothing it raises or logs holds the address: that carries the token."""

    def __init__(
        self, ws_root: str, login: Login, receiver: PriceReceiver, clock: Clock, times: FeedTimes
    ) -> None:
        self._root = URL(ws_root)
        self._login = login
        self._receiver = receiver
        self._clock = clock
        self._times = times
        self._changed = asyncio.Event()
        self._subscribed: set[int] = set()
        self._refused: tuple[FeedLogin, float] | None = None
        self._last_frame = 0.0
        self._wanted_at = 0.0
        self._unread: list[bytes] = []
        self.tokens: frozenset[int] = frozenset()
        self.state = SocketState.LOST
        self.alive_since: datetime | None = None
        self.attempts = 0
        self.dropped = 0
        self.joined = 0
        """Frames that were read together with an earlier one: they came faster than they were judged."""

    def watch(self, tokens: Collection[int]) -> None:
        if tokens != self.tokens:
            if not self.tokens:
                self._wanted_at = self._clock.monotonic()
            self.tokens = frozenset(tokens)
            self._changed.set()

    @property
    def age(self) -> float:
        """Return the seconds since anything was heard, heartbeats included, or since it was first wanted."""
        return self._clock.monotonic() - max(self._last_frame, self._wanted_at)

    def carries(self, token: int) -> bool:
        """Tell whether this token is subscribed on a connection that was heard from lately."""
        return (
            self.state is SocketState.ALIVE
            and token in self._subscribed
            and self._clock.monotonic() - self._last_frame <= self._times.silent
        )

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Keep connected until cancelled; after a loss try at once, if the last try was long enough ago."""
        while True:
            while not self.tokens:
                self.state = SocketState.LOST
                self._changed.clear()
                await self._changed.wait()
            began = self._clock.monotonic()
            try:
                await self._attempt(http)
            except Exception as error:  # no fault of one connection ends the feed
                self._failed(SocketState.LOST, type(error).__name__)
            await self._clock.sleep(max(0.0, began + self._times.reconnect - self._clock.monotonic()))

    async def _attempt(self, http: aiohttp.ClientSession) -> None:
        try:
            login = await self._login()
            if self._is_refused(login):
                return
            async with asyncio.timeout(self._times.connect):
                socket = await http.ws_connect(
                    self._root.with_query(api_key=login.api_key, access_token=login.access_token),
                    headers={"X-Kite-Version": "3"},
                    timeout=aiohttp.ClientWSTimeout(ws_close=self._times.close),
                )
        except (LoginNeeded, BrokerNotConnected):
            self._failed(SocketState.LOGIN_NEEDED, "the account must log in")
        except aiohttp.WSServerHandshakeError as error:  # its text is the address, and so the token
            refused = error.status in _REFUSED
            self._refused = (login, self._clock.monotonic()) if refused else None
            self._failed(
                SocketState.LOGIN_NEEDED if refused else SocketState.LOST,
                f"HTTP {error.status} at the upgrade",
            )
        except (aiohttp.ClientError, OSError, TimeoutError, StopwatchError, ValueError) as error:
            self._failed(SocketState.LOST, f"no connection ({type(error).__name__})")
        else:
            async with socket:
                await self._serve(socket)

    def _is_refused(self, login: FeedLogin) -> bool:
        if self._refused is None or self._refused[0] != login:
            return False
        return self._clock.monotonic() - self._refused[1] < self._times.refused

    def _failed(self, state: SocketState, reason: str) -> None:
        if self.state is not state or not self.attempts:
            log.warning("the price feed cannot be opened; trying again", state=state.value, reason=reason)
        self.attempts += 1
        self.state = state

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        reason = "closed by the broker"
        self._opened()
        sending = asyncio.create_task(self._send_subscriptions(socket))
        try:
            async with asyncio.timeout(self._times.silent) as watchdog:
                async for message in socket:
                    self._last_frame = self._clock.monotonic()
                    watchdog.reschedule(asyncio.get_running_loop().time() + self._times.silent)
                    self._read(message)
                    if not self.tokens:
                        reason = "ended"
                        break
        except asyncio.CancelledError:
            reason = "ended"
            raise
        except TimeoutError:
            reason = f"silent for {self._times.silent:g} s"
        except (aiohttp.ClientError, OSError) as error:
            reason = type(error).__name__
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            self._closed(reason)

    def _opened(self) -> None:
        log.info("the price feed is open", instruments=len(self.tokens))
        self._refused = None
        self._subscribed = set()
        self._last_frame = self._clock.monotonic()
        self.alive_since = self._clock.now()
        self.attempts += 1
        self.state = SocketState.ALIVE
        self._call(self._receiver.on_alive, self.tokens)

    def _closed(self, reason: str) -> None:
        if reason != "ended":
            log.warning("the price feed is lost; reconnecting", reason=reason)
        self._read_frames()
        self.state = SocketState.LOST
        self.alive_since = None
        lost, self._subscribed = self._subscribed, set()
        self._call(self._receiver.on_lost, lost | self.tokens, reason)

    def _read(self, message: aiohttp.WSMessage) -> None:
        if message.type is aiohttp.WSMsgType.BINARY:
            # The loop hands over everything that has arrived before it runs what is called soon, so frames
            # that queued up while others were judged are read at once. aiohttp stops reading from the
            # connection when more than 128 KB wait, so this list is bounded; what waits then waits in the
            # kernel and at the broker, and nothing of it is lost.
            if not self._unread:
                asyncio.get_running_loop().call_soon(self._read_frames)
            self._unread.append(message.data)
        elif message.type is aiohttp.WSMsgType.TEXT:
            self._read_text(message.data)

    def _read_frames(self) -> None:
        if not self._unread:
            return
        frames, self._unread = self._unread, []
        self.joined += len(frames) - 1
        decoded = decode_all(frames)
        self.dropped += decoded.dropped
        if len(decoded.prices):
            self._call(self._receiver.on_ticks, decoded.prices)

    def _read_text(self, text: str) -> None:
        try:
            event = orjson.loads(text)
        except orjson.JSONDecodeError:
            event = None
        if not isinstance(event, dict):
            self.dropped += 1
        elif event.get("type") == "order" and isinstance(event.get("data"), dict):
            self._call(self._receiver.on_order, tags(event["data"]))
        elif event.get("type") == "error":
            log.warning("the price feed reports an error", error=str(event.get("data"))[:200])

    async def _send_subscriptions(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with suppress(aiohttp.ClientError, OSError):  # the reader sees the end of a connection, and says so
            while True:
                self._changed.clear()
                await self._send_action(socket, "unsubscribe", self._subscribed - self.tokens)
                await self._send_action(socket, "subscribe", self.tokens - self._subscribed)
                await self._changed.wait()

    async def _send_action(
        self, socket: aiohttp.ClientWebSocketResponse, action: str, tokens: Collection[int]
    ) -> None:
        left = iter(sorted(tokens))
        while batch := list(islice(left, _AT_ONCE)):
            await socket.send_str(orjson.dumps({"a": action, "v": batch}).decode())
            if action == "subscribe":
                await socket.send_str(orjson.dumps({"a": "mode", "v": [MODE, batch]}).decode())
                self._subscribed.update(batch)
            else:
                self._subscribed.difference_update(batch)

    def _call(self, hear: Callable[..., None], *words: object) -> None:
        try:
            hear(*words)
        except Exception:
            log.exception("a receiver of the price feed failed; the feed goes on")
