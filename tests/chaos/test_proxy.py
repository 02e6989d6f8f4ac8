"""The fault proxy does to a link what it says, and heals it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import Link, Trouble


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """A link to a server that says everything back."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    made = Link("echo", ("127.0.0.1", server.sockets[0].getsockname()[1]))
    await made.open()
    yield made
    await made.close()
    server.close()


async def said(link: Link, words: bytes = b"hello\n") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        writer.write(words)
        return await reader.readline()
    finally:
        writer.close()


async def test_everything_passes_when_nothing_is_wrong(link: Link) -> None:
    assert await said(link) == b"hello\n"


async def test_nothing_passes_a_black_hole_until_it_heals(link: Link) -> None:
    healed = asyncio.create_task(link.suffer(Trouble.BLACK_HOLE, 0.5))
    await asyncio.sleep(0)
    answer = asyncio.create_task(said(link))
    done, _ = await asyncio.wait({healed, answer}, return_when=asyncio.FIRST_COMPLETED)
    assert done == {healed}
    assert await answer == b"hello\n"


async def test_an_answer_is_cut_short_when_it_is_dropped(link: Link) -> None:
    trouble = asyncio.create_task(link.suffer(Trouble.DROP_ANSWER, 5, 3))
    await asyncio.sleep(0)
    assert await said(link) == b"hel"
    trouble.cancel()
    await asyncio.gather(trouble, return_exceptions=True)
    assert await said(link) == b"hello\n"


@pytest.mark.parametrize("trouble", [Trouble.RESET, Trouble.REFUSE])
async def test_the_same_port_answers_again_when_a_cut_link_heals(link: Link, trouble: Trouble) -> None:
    port = link.port
    suffering = asyncio.create_task(link.suffer(trouble, 5))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionError):
        await said(link)
    suffering.cancel()
    await asyncio.gather(suffering, return_exceptions=True)
    assert link.port == port
    assert await said(link) == b"hello\n"
