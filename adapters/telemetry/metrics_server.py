"""Serves metrics and health of a process without an API, on a port of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from adapters.telemetry.health import Ill


class MetricsPortTaken(Exception):
    """STOPWATCH_METRICS_PORT is in use; the message is a sentence."""


@asynccontextmanager
async def serving(host: str, port: int | None, registry: CollectorRegistry, ill: Ill) -> AsyncIterator[None]:
    """Serve /metrics, /health/live and /health/ready while the context is open; nothing without a port.

    In the process's event loop: the metrics do not change during a scrape. Raises `MetricsPortTaken`.
    """
    if port is None:
        yield
        return
    # An HTTP server of 20 MB, only where it is used.
    from adapters.telemetry.metrics_pages import opened

    try:
        runner = await opened(host, port, registry, ill)
    except OSError as error:
        raise MetricsPortTaken(
            f"STOPWATCH_METRICS_PORT: nothing can listen on {host}:{port} ({error.strerror}). "
            "Each process of a machine needs a port of its own."
        ) from None
    try:
        yield
    finally:
        await runner.cleanup()
