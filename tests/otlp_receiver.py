"""A collector of traces in the test's own process: it takes what OpenTelemetry's exporter sends."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.e2e.product import free_port

PATIENCE = 30


@dataclass
class Receiver:
    """The spans that came, with the process each is of."""

    endpoint: str
    spans: list[tuple[str, Span]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            (process,) = [
                one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
            ]
            for scope in resource.scope_spans:
                self.spans += [(process, span) for span in scope.spans]
        return web.Response(body=b"", content_type="application/x-protobuf")

    def named(self, start: str) -> list[Span]:
        return [span for _, span in self.spans if span.name.startswith(start)]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until what came makes `holds` true."""
        for _ in range(PATIENCE * 20):
            if holds():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"not in {PATIENCE} s, but: {[span.name for _, span in self.spans]}")


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Give a collector that listens."""
    port = free_port()
    receiver = Receiver(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_post("/v1/traces", receiver.take)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield receiver
    finally:
        await runner.cleanup()


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes}
