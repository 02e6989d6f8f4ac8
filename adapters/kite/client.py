"""Calls of one account: each under a hard deadline, on a connection of its own, the warm ones first."""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence

from adapters.kite.connection import Connection
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.egress_path import EgressPath, UnknownEgressPath
from adapters.kite.reply import Reply, reply_of
from adapters.kite.routes import KITE_VERSION, USER_AGENT, KiteRequest
from domain.errors import BrokerUnavailable


class UnsendableHeader(ValueError):
    """A key or token holds what would end the header: it is no credential, and might be another request."""


class KiteClient:
    """Makes calls with one login; no call waits for another."""

    def __init__(
        self,
        api_key: str,
        access_token: str | None,
        root: str,
        wire: ConnectionPool,
        proxies: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        """`secrets`, like the access token, are cut out of what the broker says.

        Raises `BrokerUnavailable` where no address can be read from `root` or the account's `proxies`.
        """
        try:
            self._way = EgressPath.to(root, proxies)
        except UnknownEgressPath as unknown:
            raise BrokerUnavailable(f"the way to the broker is not known: {unknown}") from None
        self._wire = wire
        self._secrets = (*secrets, access_token) if access_token else tuple(secrets)
        self._head = _head(self._way, api_key, access_token or "")
        self._idle: deque[Connection] = deque()
        self._closed = False

    async def call(self, request: KiteRequest, deadline: float, leave_within: float | None = None) -> Reply:
        """Make one call; a `Reply` comes within `deadline` seconds, whatever the wire does.

        A request that has not left within `leave_within` seconds (no address, no connection, no handshake) is
        held back for good. Sent once: when a connection breaks, nothing is sent again on another.
        """
        began = time.monotonic()
        patience = deadline if leave_within is None else min(deadline, leave_within)
        try:
            text = self._text(request)
            line = self._wire.take(self._idle) or await self._opened(patience)
        except Exception as odd:  # whatever it was, nothing was sent
            return Reply(left=False, failure=type(odd).__name__)
        now = time.monotonic()
        if now > began + patience:
            self._keep(line)
            return Reply(left=False, failure="HeldBack")
        if not line.alive:
            return Reply(left=False, failure="RemoteDisconnected")
        answer = await line.ask(text, began + deadline - now)
        self._keep(line)
        return reply_of(answer, request.picked, self._secrets)

    async def warm(self, patience: float) -> None:
        """Have an idle connection that stays for `WARM_SECONDS` at least, if one can be had; never raises."""
        if self._wire.fresh(self._idle):
            return
        try:
            line = await self._opened(patience)
        except Exception:  # the order that comes will say what is wrong
            return
        self._keep(line)

    def close(self) -> None:
        """Close idle connections; calls under way end by themselves."""
        self._closed = True
        self._wire.close_idle(self._idle)

    async def _opened(self, seconds: float) -> Connection:
        async with asyncio.timeout(seconds):
            return await self._wire.open(self._way)

    def _keep(self, line: Connection) -> None:
        if self._closed:
            line.abort()
        else:
            self._wire.keep(self._idle, line)

    def _text(self, request: KiteRequest) -> bytes:
        if self._head is None:
            raise UnsendableHeader
        first = f"{request.method} {self._way.prefix}{request.target} HTTP/1.1\r\n{self._head}"
        if request.form is not None:
            length = len(request.form)  # a form is ASCII
            kind = "Content-Type: application/x-www-form-urlencoded"
            return f"{first}Content-Length: {length}\r\n{kind}\r\n\r\n{request.form}".encode("latin-1")
        if request.method != "GET":
            first += "Content-Length: 0\r\n"
        return f"{first}\r\n".encode("latin-1")


def _head(way: EgressPath, api_key: str, access_token: str) -> str | None:
    """Return the headers of every request of a login, as the official client sends them; None: unsendable."""
    if any(letter < " " or letter == "\x7f" for letter in api_key + access_token):
        return None
    login = f"Authorization: token {api_key}:{access_token}\r\n" if api_key and access_token else ""
    return (
        f"Host: {way.broker.netloc}\r\nUser-Agent: {USER_AGENT}\r\nAccept-Encoding: gzip, deflate\r\n"
        f"Accept: */*\r\nConnection: keep-alive\r\nX-Kite-Version: {KITE_VERSION}\r\n{login}"
        f"{way.proxy_headers if not way.tunnelled else ''}"
    )
