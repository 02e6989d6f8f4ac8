"""When the paper exchange says that a request came in."""

import asyncio

from aiohttp import ClientSession, web

from paper.web import Connection, Server


async def test_a_request_came_in_with_its_last_byte_however_late_it_is_read() -> None:
    instants: list[float] = []

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, Connection)
        instants.append(connection.received_at)
        await asyncio.sleep(0.01)  # others are served first
        assert await request.read() == b"x" * size
        instants.append(connection.received_at)
        return web.Response()

    listening = await asyncio.get_running_loop().create_server(Server(serve), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with ClientSession() as client:
        for size in (5, 0, 500):
            async with client.post(f"http://127.0.0.1:{port}/", data=b"x" * size) as answer:
                assert answer.status == 200
    listening.close()
    assert instants[0::2] == instants[1::2]
    assert len(set(instants)) == 3
