"""Defines the tracing of a process; this one sends nothing, and OpenTelemetry is not imported."""

from collections.abc import Callable, Sequence
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
