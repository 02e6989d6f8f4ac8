"""Opens a process's tracing; without an endpoint, OpenTelemetry is not imported."""

from collections.abc import Iterator
from contextlib import contextmanager

from adapters.telemetry.tracing import Tracing


@contextmanager
def open_tracing(endpoint: str, process: str) -> Iterator[Tracing]:
    """Open the traces of this process ("api", "worker", "listener"), sent to `endpoint` by OTLP over HTTP.

    An empty endpoint means no traces. Waiting spans are sent at the end, for at most two seconds.
    """
    if not endpoint:
        yield Tracing()
        return
    from adapters.telemetry.otlp import OtlpTracing

    tracing = OtlpTracing(endpoint, process)
    try:
        yield tracing
    finally:
        tracing.close()
