"""Where notices arrive in tests: a web server and a mail server, each real, on a free port."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiosmtpd.controller import Controller
from standardwebhooks import Webhook

from tests.e2e.product import free_port

Behave = Callable[[int], Awaitable[int]]
"""Given how many requests came before, return the status to answer with."""


async def _well(_: int) -> int:
    return 204


@dataclass
class Hook:
    """A user's own server. Each request it heard: headers and body, and when it had all of it (epoch)."""

    port: int
    behave: Behave = _well
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stopwatch"

    @property
    def notices(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.requests]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.requests]

    def verify(self, secret: str) -> None:
        """Check every signature as a receiver does. Raises what the specification's library raises."""
        for headers, body in self.requests:
            Webhook(secret).verify(body, headers)

    async def until(self, count: int, seconds: float = 30) -> None:
        """Wait until so many requests came."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < count:
                self.news.clear()
                await self.news.wait()

    async def heard(self, request: web.Request) -> web.Response:
        before = len(self.requests)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.read()))
        self.arrived.append(time.time())
        self.news.set()
        status = await self.behave(before)
        where = {"Location": f"{self.url}/elsewhere"} if status in (301, 302, 307) else None
        return web.Response(status=status, headers=where)


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    """Give a web server that takes notices."""
    made = Hook(free_port())
    app = web.Application()
    app.router.add_post("/{path:.*}", made.heard)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", made.port).start()
    try:
        yield made
    finally:
        await runner.cleanup()


@dataclass
class Mailbox:
    """What a mail server was handed: receivers and message."""

    port: int
    mails: list[tuple[list[str], str]] = field(default_factory=list)
    refusal: str = ""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refusal:
            return self.refusal
        self.mails.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"


@asynccontextmanager
async def mailbox() -> AsyncIterator[Mailbox]:
    """Give a mail server."""
    made = Mailbox(free_port())
    server = Controller(made, hostname="127.0.0.1", port=made.port)
    await asyncio.to_thread(server.start)
    try:
        yield made
    finally:
        await asyncio.to_thread(server.stop)
