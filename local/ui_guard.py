"""Guards Temporal's Web UI: `python -m local.ui_guard --port PORT --to HOST:PORT`.

The Web UI answers every Host, so a page of the internet whose name is made to resolve to this machine would
be one of its own pages, and could read and terminate runs. Here a request has to name this machine, and where
it names its page, that has to be the UI's own. Other requests are refused before they are passed on.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

HOP_BY_HOP = (
    *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization"),
    *("te", "trailer", "transfer-encoding", "upgrade"),
)
"""Headers that belong to one connection (RFC 9110, 7.6.1)."""
REFUSED = (
    "Temporal's Web UI is shown to this machine's own browser alone: open it by the address that "
    "`stopwatch up` printed."
)
_BEHIND: web.AppKey[aiohttp.ClientSession] = web.AppKey("behind", aiohttp.ClientSession)


def app(port: int, to: str) -> web.Application:
    """Return the guard at `port` in front of the server at `to` (host:port)."""
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    origins = {f"http://{host}" for host in hosts}

    async def pass_on(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if request.headers.get("Host", "") not in hosts or (origin is not None and origin not in origins):
            return web.Response(status=403, text=REFUSED)
        try:
            return await _answer(request, f"http://{to}{request.raw_path}")
        except (aiohttp.ClientError, OSError):
            return web.Response(status=502, text="Temporal's Web UI does not answer. It is started again.")

    made = web.Application()
    made.router.add_route("*", "/{path:.*}", pass_on)
    made.cleanup_ctx.append(_behind)
    return made


async def _behind(made: web.Application) -> AsyncIterator[None]:
    # Bodies pass as they are, packed or not, and a run's long poll lasts as long as it lasts.
    timeout = aiohttp.ClientTimeout(total=None, connect=5)
    async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as session:
        made[_BEHIND] = session
        yield


async def _answer(request: web.Request, url: str) -> web.StreamResponse:
    body = request.content if request.can_read_body else None
    async with request.app[_BEHIND].request(
        request.method, url, headers=_passed_on(request.headers), data=body, allow_redirects=False
    ) as answer:
        shown = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
        await shown.prepare(request)
        async for part in answer.content.iter_any():
            await shown.write(part)
        await shown.write_eof()
        return shown


def _passed_on(headers: Mapping[str, str]) -> "CIMultiDict[str]":
    found: CIMultiDict[str] = CIMultiDict(headers)
    for name in HOP_BY_HOP:
        found.popall(name, None)
    return found


async def _serve(port: int, to: str) -> None:
    runner = web.AppRunner(app(port, to), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        # `up` holds the port as well, so both have to say that it is shared.
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main(words: list[str]) -> int:
    """Serve until a signal."""
    asked = argparse.ArgumentParser(prog="ui_guard")
    asked.add_argument("--port", type=int, required=True)
    asked.add_argument("--to", required=True)
    found = asked.parse_args(words)
    asyncio.run(_serve(found.port, found.to))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
