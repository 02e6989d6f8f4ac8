"""Makes the calls of one account: each within a deadline, on a connection of its own, warm ones first."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters.kite.connection import Answer, Connection
from adapters.kite.connection_pool import ConnectionPool
from adapters.kite.egress_path import EgressPath, UnknownEgressPath
from adapters.kite.reply import Reply, reply_of
from adapters.kite.routes import KITE_VERSION, USER_AGENT, KiteRequest
from adapters.process.clock import SystemClock
from domain.deadline import Deadline
from domain.errors import BrokerUnavailable

_CLOCK = SystemClock()


class UnsendableHeader(ValueError):
    """A key or token contains a control character: it could end the header and forge another request."""


class KiteClient:
    """Makes calls with one login; calls do not wait for each other."""

    def __init__(
        self,
        api_key: str,
        access_token: str | None,
        root: str,
        pool: ConnectionPool,
        proxies: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        """`secrets`, like the access token, are removed from the broker's messages.

        Raises `BrokerUnavailable` where `root` or the account's `proxies` hold no usable address.
        """
        try:
            self._path = EgressPath.to(root, proxies)
        except UnknownEgressPath as unknown:
            raise BrokerUnavailable(f"the path to the broker is unknown: {unknown}") from None
        self._pool = pool
        self._secrets = (*secrets, access_token) if access_token else tuple(secrets)
        self._head = _head(self._path, api_key, access_token or "")
        self._idle: deque[Connection] = deque()
        self._closed = False

    async def call(self, request: KiteRequest, deadline: float, leave_within: float | None = None) -> Reply:
        """Make one call; return a `Reply` within `deadline` seconds, whatever the network does.

        A request that has not left within `leave_within` seconds (no address, no connection, no handshake) is
        never sent. Each request is sent once: a broken connection is not replaced by another.
        """
        ends = Deadline.of(_CLOCK, timedelta(seconds=deadline))
        patience = deadline if leave_within is None else min(deadline, leave_within)
        leaves = Deadline.of(_CLOCK, timedelta(seconds=patience))
        try:
            text = self._text(request)
            connection = self._pool.take(self._idle) or await self._opened(patience)
        except Exception as odd:  # whatever it was, nothing was sent
            return Reply(left=False, failure=type(odd).__name__)
        if leaves.left() < 0:
            self._keep(connection)
            return Reply(left=False, failure="HeldBack")
        if not connection.alive:
            return Reply(left=False, failure="RemoteDisconnected")
        answer = await connection.ask(text, max(0.0, ends.left()))
        self._keep(connection)
        return self._read(request, answer)

    async def warm(self, patience: float) -> None:
        """Open an idle connection that stays for at least `WARM_SECONDS`, if possible; never raises."""
        if self._pool.fresh(self._idle):
            return
        try:
            connection = await self._opened(patience)
        except Exception:  # the order that comes will say what is wrong
            return
        self._keep(connection)

    def _read(self, request: KiteRequest, answer: Answer) -> Reply:
        return reply_of(answer, request.picked, self._secrets)

    def close(self) -> None:
        """Close idle connections; running calls end by themselves."""
        self._closed = True
        self._pool.close_idle(self._idle)

    async def _opened(self, seconds: float) -> Connection:
        async with asyncio.timeout(seconds):
            return await self._pool.open(self._path)

    def _keep(self, connection: Connection) -> None:
        if self._closed:
            connection.abort()
        else:
            self._pool.keep(self._idle, connection)

    def _text(self, request: KiteRequest) -> bytes:
        if self._head is None:
            raise UnsendableHeader
        first = f"{request.method} {self._path.prefix}{request.target} HTTP/1.1\r\n{self._head}"
        body = request.form if request.json is None else request.json  # both are ASCII
        if body is not None:
            kind = "json" if request.form is None else "x-www-form-urlencoded"
            head = f"Content-Length: {len(body)}\r\nContent-Type: application/{kind}"
            return f"{first}{head}\r\n\r\n{body}".encode("latin-1")
        if request.method != "GET":
            first += "Content-Length: 0\r\n"
        return f"{first}\r\n".encode("latin-1")


def _head(path: EgressPath, api_key: str, access_token: str) -> str | None:
    """Return the headers of every request of a login, as the official client sends them; None: unsendable."""
    if any(letter < " " or letter == "\x7f" for letter in api_key + access_token):
        return None
    login = f"Authorization: token {api_key}:{access_token}\r\n" if api_key and access_token else ""
    return (
        f"Host: {path.broker.netloc}\r\nUser-Agent: {USER_AGENT}\r\nAccept-Encoding: gzip, deflate\r\n"
        f"Accept: */*\r\nConnection: keep-alive\r\nX-Kite-Version: {KITE_VERSION}\r\n{login}"
        f"{path.proxy_headers if not path.tunnelled else ''}"
    )
