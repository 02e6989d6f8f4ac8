"""The HTTP pages of a process without an API: its metrics and its health."""

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from adapters.telemetry.health import Ill


async def opened(host: str, port: int, registry: CollectorRegistry, ill: Ill) -> web.AppRunner:
    """Serve the pages until the runner is cleaned up. Raises `OSError` where nothing can listen."""
    runner = web.AppRunner(_app(registry, ill), access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def _app(registry: CollectorRegistry, ill: Ill) -> web.Application:
    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        parts = dict(await ill())
        if parts:
            return web.json_response({"status": "unavailable", "parts": parts}, status=503)
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.router.add_get("/metrics", make_aiohttp_handler(registry))
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    return app
