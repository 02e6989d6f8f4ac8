"""Opens a process's tracing; without an endpoint, OpenTelemetry is not imported."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from temporalio.client import Interceptor

from adapters.kite.broker import KiteBroker

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

OpenBroker = Callable[..., KiteBroker]
"""Makes an account; takes what `KiteBroker` takes."""


class Tracing:
    """A process that sends no traces; `adapters.telemetry.otlp` has the one that does."""

    interceptors: Sequence[Interceptor] = ()
    """For the client of Temporal: a request, its run and the run's activities become one trace."""
    open_broker: OpenBroker = KiteBroker
    """Makes accounts whose order calls are spans."""
    tracer: "Tracer | None" = None


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
