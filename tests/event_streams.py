"""Event streams as phones read them: the app on a port, clients that follow, and runs that say something."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn

from adapters.postgres.engine import Store
from adapters.postgres.notify_listener import EVENT_ADDED, NotifyListener
from adapters.postgres.runs import PostgresRunStore
from api.http.event_notifier import PostgresEventNotifier
from domain.run import RunRef
from services.auth.passwords import Passwords
from tests.api_world import Customer, World, new_world


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """Serve the app on a free port and give its address."""
    config = uvicorn.Config(world.app, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def announced(store: Store, database: str, passwords: Passwords) -> AsyncIterator[World]:
    """Give a world whose streams hear Postgres' own announcements."""
    notifier = PostgresEventNotifier(NotifyListener(database), EVENT_ADDED)
    listening = asyncio.create_task(notifier.listen())
    try:
        yield new_world(store, passwords, event_notifier=notifier)
    finally:
        while not listening.done():  # asyncio.wait_for of Python 3.11 may lose a cancellation
            listening.cancel()
            await asyncio.wait([listening], timeout=0.5)


class Stream:
    """A client that reads events one by one."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, Any]:
        """Return the next event: its id, its name and its data."""
        event: dict[str, Any] = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                name, _, value = line.partition(": ")
                if line == "" and "data" in event:
                    return event
                if name in ("id", "event"):
                    event[name] = value
                elif name == "data":
                    event["data"] = json.loads(value)
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def following(
    address: str, customer: Customer, strategy_id: str | None, last: str | None = None
) -> AsyncIterator[Stream]:
    """Follow a strategy; None: all of the customer's."""
    headers = customer.bearer | ({"Last-Event-ID": last} if last else {})
    async with (
        httpx.AsyncClient(base_url=address, timeout=15) as http,
        http.stream(
            "GET", f"/strategy/{strategy_id}/events" if strategy_id else "/events", headers=headers
        ) as response,
    ):
        yield Stream(response)


async def say(world: World, running: dict[str, Any], words: str) -> None:
    """Add a line to the timeline, as the run does."""
    strategy = world.runs.started[-1]
    ref = RunRef(
        strategy.strategy.strategy_id,
        strategy.strategy.user_id,
        running["workflow_id"],
        running["run_id"],
        strategy.start_id,
    )
    await PostgresRunStore(world.store).note(ref, "note", words, {"why": words}, words)
