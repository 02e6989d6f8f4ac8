"""The wire of one process: opens connections to the broker, keeps some of them warm, closes them in time."""

import asyncio
import socket
import ssl
import time
from collections import OrderedDict, defaultdict, deque
from ipaddress import ip_address

import certifi

from adapters.kite.connection import LARGEST_ANSWER, Connection
from adapters.kite.egress_path import EgressPath, Place
from adapters.kite.tunnel import Tunnel

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
    """Every connection of a process to the broker. Belongs to one event loop."""

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

    async def open(self, way: EgressPath, largest: int = LARGEST_ANSWER) -> Connection:
        """Open a connection. Whatever this raises, no request was sent.

        Raises `Closed`, and `OSError` in its kinds: refused, unknown host, TLS, a proxy that would not.
        """
        if self._closed:
            raise Closed
        line = Connection(largest)
        try:
            if way.tunnelled:
                await self._tunnel(way, line)
            else:
                await self._connect(line, way.proxy or way.broker)
        except BaseException:
            line.abort()
            raise
        return line

    def take(self, idle: Idle) -> Connection | None:
        """Return an idle connection that the other side has not hung up, the last used first; else None."""
        while idle:
            line = idle.pop()
            self._idle.pop(line, None)
            if line.usable():
                return line
            line.abort()
        return None

    def keep(self, idle: Idle, line: Connection) -> None:
        """Keep a connection for the account's next call, or close it if it is of no more use."""
        if self._closed or len(idle) >= IDLE_EACH or not line.alive:
            line.abort()
            return
        line.idle_since = time.monotonic()
        idle.append(line)
        self._idle[line] = idle
        if len(self._idle) > self._most_idle:
            self._close_oldest()
        if self._sweep is None:
            self._sweep_later(self._idle_seconds)

    def fresh(self, idle: Idle) -> bool:
        """Whether the account's next call meets a connection that stays for `WARM_SECONDS` still."""
        while idle:
            line = idle[-1]
            if line.usable():
                return time.monotonic() - line.idle_since <= self._idle_seconds / 2
            self._idle.pop(idle.pop(), None)
            line.abort()
        return False

    def close_idle(self, idle: Idle) -> None:
        """Close the idle connections of one account."""
        while idle:
            line = idle.pop()
            self._idle.pop(line, None)
            line.abort()

    def close(self) -> None:
        """Close what is idle and open nothing more; calls under way end by themselves."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._idle:
            self._close_oldest()

    async def _connect(self, protocol: asyncio.Protocol, place: Place) -> None:
        last: OSError | None = None
        for address in await self._look_up(place.host, place.port):
            try:
                await asyncio.get_running_loop().create_connection(
                    lambda: protocol,
                    address,
                    place.port,
                    ssl=self._tls if place.secure else None,
                    server_hostname=place.host if place.secure else None,
                )
            except OSError as odd:
                last = odd
            else:
                return
        self._addresses.pop((place.host, place.port), None)
        raise last or OSError("the host has no address")

    async def _tunnel(self, way: EgressPath, line: Connection) -> None:
        assert way.proxy is not None  # noqa: S101 - it is a tunnel's
        tunnel = Tunnel()
        try:
            await self._connect(tunnel, way.proxy)
            through = await tunnel.open(way.broker.authority, way.proxy_headers)
            inside = await asyncio.get_running_loop().start_tls(
                through, line, self._tls, server_hostname=way.broker.host
            )
        except BaseException:
            tunnel.abort()
            raise
        if inside is None:
            raise ConnectionAbortedError("the proxy hung up")
        line.connection_made(inside)

    async def _look_up(self, host: str, port: int) -> list[str]:
        if _is_address(host):
            return [host]
        async with self._looking_up[host, port]:
            found_at, addresses = self._addresses.get((host, port), (float("-inf"), []))
            if time.monotonic() - found_at > ADDRESS_SECONDS:
                loop = asyncio.get_running_loop()
                rows = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                addresses = list(dict.fromkeys(str(row[4][0]) for row in rows))
                self._addresses[host, port] = (time.monotonic(), addresses)
            return addresses

    def _close_oldest(self) -> None:
        line, idle = self._idle.popitem(last=False)
        idle.remove(line)
        line.abort()

    def _sweep_later(self, seconds: float) -> None:
        self._sweep = asyncio.get_running_loop().call_later(seconds, self._close_stale)

    def _close_stale(self) -> None:
        self._sweep = None
        now = time.monotonic()
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
