"""Exports traces from a request to the broker's order call, by OTLP over HTTP.

Spans hold ids, symbols and outcomes, and no user's texts.
"""

from functools import partial

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from temporalio.contrib.opentelemetry import TracingInterceptor

from adapters.kite.traced import TracedKiteBroker
from adapters.telemetry.bare_spans import BareSpans
from adapters.telemetry.tracing import Tracing

SEND_EVERY_MS = 1000
GIVE_UP_SECONDS = 2
"""For one sending; a collector that is away holds up the end of a process no longer than this."""


class OtlpTracing(Tracing):
    """Sends a process's spans from a thread of its own; spans that cannot be sent in time are dropped."""

    def __init__(self, endpoint: str, process: str) -> None:
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=GIVE_UP_SECONDS)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": f"stopwatch-{process}"}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(BareSpans(exporter), schedule_delay_millis=SEND_EVERY_MS)
        )
        self.tracer = self._provider.get_tracer("stopwatch")
        self.interceptors = [TracingInterceptor(self.tracer)]
        self.open_broker = partial(TracedKiteBroker, self.tracer)

    def close(self) -> None:
        """Send the spans that wait."""
        self._provider.shutdown()
