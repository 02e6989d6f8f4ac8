"""Requests, answers and routes, and the HTTP protocol under them."""

import asyncio
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import orjson
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from paper.accounts import Account
from paper.kite_error import KiteError, bad_input
from paper.orders import Order

JSON = "application/json"
CSV = "text/csv"
HTML = "text/html"


@dataclass(slots=True)
class Answer:
    """The response to a request."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    """One request, read whole; `received_at` is the wall clock when its last byte came in."""

    method: str
    path: str
    query: str
    body: bytes
    headers: Any
    received_at: float
    # What stands in the place of a `{}` in the route.
    args: tuple[str, ...] = ()
    account: Account | None = None
    # The order that a placement made.
    order: Order | None = None
    _form: dict[str, str] | None = None

    @property
    def user(self) -> Account:
        """The authenticated account; only on routes that need a token."""
        if self.account is None:
            raise KiteError(403, "TokenException", "Incorrect `api_key` or `access_token`.")
        return self.account

    @property
    def form(self) -> dict[str, str]:
        if self._form is None:
            try:
                self._form = read_form(self.body.decode())
            except UnicodeDecodeError:
                raise bad_input("The request body is not a form.") from None
        return self._form

    @property
    def params(self) -> dict[str, list[str]]:
        return parse_qs(self.query, keep_blank_values=True)

    def param(self, name: str) -> str:
        """Return the first value of a query parameter, empty when absent."""
        return self.params.get(name, [""])[0]

    def json(self) -> Any:
        """Return the body as JSON.

        Raises KiteError 400 when it is none.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise bad_input("The request body is not JSON.") from None


# A control call may wait for what it caused; Kite's own are answered at once.
Handler = Callable[[Call], Answer | Awaitable[Answer]]


@dataclass(slots=True, frozen=True)
class Route:
    """One line of the table; `bucket` names the rate limit it counts against."""

    handler: Handler
    bucket: str = "other"
    auth: bool = True
    placement: bool = False
    # Long work that touches no shared state: done in a thread, so that orders do not wait for it.
    threaded: bool = False


class Routes:
    """Exact paths in one dictionary, patterns by their number of segments."""

    def __init__(self) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: dict[int, list[tuple[tuple[str, ...], str, Route]]] = {}

    def add(self, method: str, pattern: str, route: Route) -> None:
        if "{}" not in pattern:
            self._exact.setdefault(pattern, {})[method] = route
            return
        parts = tuple(pattern.split("/"))
        self._patterns.setdefault(len(parts), []).append((parts, method, route))

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        """Return the route of a request and the values of its placeholders.

        Raises KiteError 404 or 405.
        """
        exact = self._exact.get(path)
        if exact is not None and method in exact:
            return exact[method], ()
        parts = tuple(path.split("/"))
        known = exact is not None
        for pattern, verb, route in self._patterns.get(len(parts), ()):
            if all(want in ("{}", have) for want, have in zip(pattern, parts, strict=True)):
                known = True
                if verb == method:
                    args = (have for want, have in zip(pattern, parts, strict=True) if want == "{}")
                    return route, tuple(args)
        if known:
            raise KiteError(405, "GeneralException", "Method not allowed")
        raise KiteError(404, "GeneralException", "Route not found")


def read_form(text: str) -> dict[str, str]:
    """Parse a urlencoded form, eight times as fast as parse_qsl: most values have nothing to decode."""
    form: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        if name:
            form[name] = unquote_plus(value) if "%" in value or "+" in value else value
    return form


def data(value: Any) -> Answer:
    """Return Kite's success envelope."""
    return Answer(orjson.dumps({"status": "success", "data": value}))


def bare(value: Any) -> Answer:
    """Return a control answer: the value alone, without Kite's envelope."""
    return Answer(orjson.dumps(value))


class Connection(RequestHandler):
    """Aiohttp's protocol, with the times of the last bytes and of the client's disconnection."""

    __slots__ = ("_left", "received_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.received_at = 0.0
        self._left: asyncio.Event | None = None

    def data_received(self, data: bytes) -> None:
        if data:  # nothing at all is aiohttp asking its parser to go on
            self.received_at = time.time()
        super().data_received(data)

    def resume_reading(self, resume_parser: bool = True) -> None:
        # Asked for after every body, whether reading was paused or not: a parse of nothing and two calls of
        # the loop, each time.
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._left is not None:
            self._left.set()

    async def left(self, timeout: float) -> None:
        """Wait until the client has left, or for so long."""
        self._left = asyncio.Event()
        if self.transport is None or self.transport.is_closing():
            return
        try:
            async with asyncio.timeout(timeout):
                await self._left.wait()
        except TimeoutError:
            return

    def reset(self) -> None:
        """End the connection with a RST instead of a FIN."""
        transport = self.transport
        if transport is None:
            return
        raw = transport.get_extra_info("socket")
        if raw is not None:
            # The loop's socket object may be a stand-in: the option is set on a duplicate of its descriptor.
            duplicate = socket.socket(fileno=os.dup(raw.fileno()))
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            duplicate.close()
        transport.abort()


class Server(web.Server):
    """Aiohttp's low-level server with our protocol."""

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, access_log=None, keepalive_timeout=3600.0)
