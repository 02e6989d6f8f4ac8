"""The connection pool of one process: opens connections to the broker, keeps some warm, closes idle ones."""

import asyncio
import socket
import ssl
from collections import OrderedDict, defaultdict, deque
from ipaddress import ip_address

import certifi

from adapters.kite.connection import LARGEST_ANSWER, Connection
from adapters.kite.egress_path import EgressPath, Endpoint
from adapters.kite.tunnel import Tunnel
from adapters.process.clock import uptime

IDLE_SECONDS = 30.0
"""How long a connection is kept without a question: shorter than servers do (60 s and more), so that an order
hardly ever meets one that is just being closed."""
WARM_SECONDS = IDLE_SECONDS / 2
"""How long at least a connection that was warmed stays."""
MOST_IDLE = 2000
"""Idle connections of the process, all accounts together; the oldest are closed first."""
IDLE_EACH = 4
"""Idle connections of one account."""
ADDRESS_SECONDS = 30.0
"""How long a looked-up address counts: a thousand accounts that get ready together look up once."""

Idle = deque[Connection]
"""The idle connections of one account, the last used at the end."""


class Closed(Exception):
    """The process is shutting down and sends nothing more."""


def trusted_roots() -> ssl.SSLContext:
    """Return one TLS context to share: reading the root certificates anew costs 15 ms a connection."""
    context = ssl.create_default_context(cafile=certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class ConnectionPool:
    """All connections of a process to the broker. Belongs to one event loop."""

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        *,
        idle_seconds: float = IDLE_SECONDS,
        most_idle: int = MOST_IDLE,
    ) -> None:
        self._tls = tls or trusted_roots()
        self._idle_seconds = idle_seconds
        self._most_idle = most_idle
        self._idle: OrderedDict[Connection, Idle] = OrderedDict()  # the longest idle first
        self._sweep: asyncio.TimerHandle | None = None
        self._addresses: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self._looking_up: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._closed = False

    async def open(self, path: EgressPath, largest: int = LARGEST_ANSWER) -> Connection:
        """Open a connection. Whatever this raises, no request was sent.

        Raises `Closed`, and `OSError` of any kind: refused, unknown host, TLS, a proxy that refuses.
        """
        if self._closed:
            raise Closed
        connection = Connection(largest)
        try:
            if path.tunnelled:
                await self._tunnel(path, connection)
            else:
                await self._connect(connection, path.proxy or path.broker)
        except BaseException:
            connection.abort()
            raise
        return connection

    def take(self, idle: Idle) -> Connection | None:
        """Return an idle connection that the other side has not closed, the last used first; else None."""
        while idle:
            connection = idle.pop()
            self._idle.pop(connection, None)
            if connection.usable():
                return connection
            connection.abort()
        return None

    def keep(self, idle: Idle, connection: Connection) -> None:
        """Keep a connection for the account's next call, or close it if it cannot be used again."""
        if self._closed or len(idle) >= IDLE_EACH or not connection.alive:
            connection.abort()
            return
        connection.idle_since = uptime()
        idle.append(connection)
        self._idle[connection] = idle
        if len(self._idle) > self._most_idle:
            self._close_oldest()
        if self._sweep is None:
            self._sweep_later(self._idle_seconds)

    def fresh(self, idle: Idle) -> bool:
        """Whether the account's next call finds a connection that stays for `WARM_SECONDS` longer."""
        while idle:
            connection = idle[-1]
            if connection.usable():
                return uptime() - connection.idle_since <= self._idle_seconds / 2
            self._idle.pop(idle.pop(), None)
            connection.abort()
        return False

    def close_idle(self, idle: Idle) -> None:
        """Close the idle connections of one account."""
        while idle:
            connection = idle.pop()
            self._idle.pop(connection, None)
            connection.abort()

    def close(self) -> None:
        """Close idle connections and open no more; running calls end by themselves."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._idle:
            self._close_oldest()

    async def _connect(self, protocol: asyncio.Protocol, endpoint: Endpoint) -> None:
        last: OSError | None = None
        for address in await self._look_up(endpoint.host, endpoint.port):
            try:
                await asyncio.get_running_loop().create_connection(
                    lambda: protocol,
                    address,
                    endpoint.port,
                    ssl=self._tls if endpoint.secure else None,
                    server_hostname=endpoint.host if endpoint.secure else None,
                )
            except OSError as odd:
                last = odd
            else:
                return
        self._addresses.pop((endpoint.host, endpoint.port), None)
        raise last or OSError("the host has no address")

    async def _tunnel(self, path: EgressPath, connection: Connection) -> None:
        assert path.proxy is not None  # noqa: S101 - it is a tunnel's
        tunnel = Tunnel()
        try:
            await self._connect(tunnel, path.proxy)
            through = await tunnel.open(path.broker.authority, path.proxy_headers)
            inside = await asyncio.get_running_loop().start_tls(
                through, connection, self._tls, server_hostname=path.broker.host
            )
        except BaseException:
            tunnel.abort()
            raise
        if inside is None:
            raise ConnectionAbortedError("the proxy hung up")
        connection.connection_made(inside)

    async def _look_up(self, host: str, port: int) -> list[str]:
        if _is_address(host):
            return [host]
        async with self._looking_up[host, port]:
            found_at, addresses = self._addresses.get((host, port), (float("-inf"), []))
            if uptime() - found_at > ADDRESS_SECONDS:
                loop = asyncio.get_running_loop()
                rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
                self._addresses[host, port] = (uptime(), addresses)
            return addresses

    def _close_oldest(self) -> None:
        connection, idle = self._idle.popitem(last=False)
        idle.remove(connection)
        connection.abort()

    def _sweep_later(self, seconds: float) -> None:
        self._sweep = asyncio.get_running_loop().call_later(seconds, self._close_stale)

    def _close_stale(self) -> None:
        self._sweep = None
        now = uptime()
        while self._idle:
            left = next(iter(self._idle)).idle_since + self._idle_seconds - now
            if left > 0:
                self._sweep_later(left)
                return
            self._close_oldest()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
