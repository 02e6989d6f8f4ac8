"""An event stream ends with its source, its client, its process, or a client that takes nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from starlette.types import Message

from api.http.stream_response import BEGINS, PING, Next, StreamKeeper, StreamResponse

LONG, AT_ONCE = 3600.0, 0.01


class Lines:
    """A source with what a test puts into it."""

    def __init__(self) -> None:
        self.waiting: list[bytes | None] = []
        self.wake: Callable[[], None] = lambda: None
        self.followed = False

    @contextmanager
    def source(self, wake: Callable[[], None]) -> Iterator[Next]:
        self.wake, self.followed = wake, True
        try:
            yield self._next
        finally:
            self.followed = False

    def say(self, chunk: bytes | None) -> None:
        self.waiting.append(chunk)
        self.wake()

    async def _next(self) -> bytes | None:
        return self.waiting.pop(0) if self.waiting else b""


class Client:
    """The other end of the connection."""

    def __init__(self) -> None:
        self.got: list[Message] = []
        self.takes, self.gone, self.news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.takes.set()

    async def send(self, message: Message) -> None:
        await self.takes.wait()
        self.got.append(message)
        self.news.set()

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def until(self, count: int) -> list[bytes]:
        """Wait for so many chunks after the head; return all that are there."""
        async with asyncio.timeout(10):
            while len(self.chunks) < count:
                self.news.clear()
                await self.news.wait()
        return self.chunks

    @property
    def chunks(self) -> list[bytes]:
        return [message["body"] for message in self.got if message["type"] == "http.response.body"]

    @property
    def has_all(self) -> bool:
        return self.got[-1].get("more_body") is False


@asynccontextmanager
async def answered(keeper: StreamKeeper, lines: Lines, client: Client) -> AsyncIterator[asyncio.Task[None]]:
    scope: dict[str, Any] = {"type": "http"}
    task = asyncio.create_task(StreamResponse(keeper, lines.source)(scope, client.receive, client.send))
    yield task
    async with asyncio.timeout(10):
        await task
    assert not lines.followed
    assert keeper._looking is None, "nothing looks on without a stream"


@pytest.fixture
def client() -> Client:
    return Client()


async def test_it_sends_what_comes_and_ends_with_its_source(client: Client) -> None:
    lines = Lines()
    async with answered(StreamKeeper(LONG, LONG), lines, client):
        await client.until(1)
        lines.say(b"one")
        await client.until(2)
        lines.say(b"two")
        lines.say(None)
    assert client.chunks == [BEGINS, b"one", b"two", b""]
    assert client.has_all


async def test_it_ends_when_its_client_leaves(client: Client) -> None:
    async with answered(StreamKeeper(LONG, LONG), Lines(), client):
        await client.until(1)
        client.gone.set()
    assert client.chunks == [BEGINS]


async def test_all_streams_end_with_the_process_and_none_begins_any_more(client: Client) -> None:
    keeper, late = StreamKeeper(LONG, LONG), Client()
    async with answered(keeper, Lines(), client):
        await client.until(1)
        keeper.end()
    async with answered(keeper, Lines(), late):
        pass
    assert client.has_all
    assert late.has_all


async def test_a_silent_stream_is_pinged_and_goes_on(client: Client) -> None:
    lines = Lines()
    async with answered(StreamKeeper(AT_ONCE, LONG), lines, client):
        assert await client.until(3) == [BEGINS, PING, PING]
        lines.say(b"news")
        lines.say(None)
    assert b"news" in client.chunks


async def test_a_stream_that_says_something_is_not_pinged(client: Client) -> None:
    keeper, lines = StreamKeeper(LONG, LONG), Lines()
    async with answered(keeper, lines, client):
        for number in range(20):
            lines.say(b"%d" % number)
            lines.wake()
        await client.until(21)
        lines.say(None)
    assert PING not in client.chunks


async def test_a_client_that_takes_nothing_is_given_up(client: Client) -> None:
    lines = Lines()
    async with answered(StreamKeeper(AT_ONCE, AT_ONCE), lines, client):
        await client.until(1)
        client.takes.clear()
        lines.say(b"never taken")
    assert not client.has_all, "the server closes the connection"


async def test_an_error_of_the_source_is_not_hidden(client: Client) -> None:
    @contextmanager
    def broken(wake: Callable[[], None]) -> Iterator[Next]:
        async def fails() -> bytes | None:
            raise TimeoutError("of its own")

        yield fails

    with pytest.raises(TimeoutError, match="of its own"):
        await StreamResponse(StreamKeeper(LONG, LONG), broken)({}, client.receive, client.send)
