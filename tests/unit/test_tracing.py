"""Traces: nothing where nobody collects them, and no words of anybody's where somebody does."""

import subprocess
import sys
from collections.abc import Sequence

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import StatusCode
from pydantic import ValidationError

from adapters.kite.broker import KiteBroker
from adapters.telemetry.bare_spans import BareSpans
from adapters.telemetry.process_tracing import open_tracing
from api.http.tracing import TraceRequests
from settings import Settings

WORDS = "the broker said: no margin for asha@example.com"


class Kept(SpanExporter):
    """Keeps what is exported."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.spans += spans
        return SpanExportResult.SUCCESS


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def provider(kept: Kept) -> TracerProvider:
    made = TracerProvider(shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(BareSpans(kept)))
    return made


def test_a_failure_leaves_its_type_and_none_of_its_words(kept: Kept, provider: TracerProvider) -> None:
    with (
        pytest.raises(ValueError),
        provider.get_tracer("t").start_as_current_span("order", attributes={"stopwatch.quantity": 5}),
    ):
        raise ValueError(WORDS)
    (span,) = kept.spans
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert span.name == "order"
    assert dict(span.attributes or {}) == {"stopwatch.quantity": 5}
    assert WORDS not in span.to_json()


@pytest.mark.parametrize("process", ["worker", "listener.__main__", "api.__main__"])
def test_nothing_that_traces_is_loaded_where_nobody_collects(process: str) -> None:
    # The metrics of OpenTelemetry are: redis-py loads them wherever they are installed.
    program = (
        f"import sys, {process}\n"
        "from adapters.telemetry.process_tracing import open_tracing\n"
        "with open_tracing('', 'worker') as tracing: assert tracing.tracer is None\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk.trace', "
        "'opentelemetry.exporter', 'temporalio.contrib.opentelemetry', 'adapters.kite.traced'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_a_collector_orders_leave_by_the_plain_account() -> None:
    with open_tracing("", "worker") as tracing:
        assert tracing.open_broker is KiteBroker
        assert tracing.interceptors == ()


@pytest.mark.parametrize("endpoint", ["collector:4318", "ftp://collector", "http://a b"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOPWATCH_OTLP_ENDPOINT", endpoint)
    with pytest.raises(ValidationError):
        Settings()


async def test_a_request_is_a_span_by_its_route_and_believes_no_stranger(
    kept: Kept, provider: TracerProvider
) -> None:
    app = FastAPI()

    @app.get("/strategy/{strategy_id}")
    async def one(strategy_id: str) -> str:
        return strategy_id

    @app.get("/health/live")
    async def live() -> str:
        return "ok"

    app.add_middleware(TraceRequests, tracer=provider.get_tracer("t"))
    stranger = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://api") as http:
        await http.get("/strategy/5?access_token=s3cr3tValue9", headers=stranger)
        await http.get("/health/live")
    (span,) = kept.spans
    assert span.name == "GET /strategy/{strategy_id}"
    assert (span.attributes or {})["http.response.status_code"] == 200
    assert span.parent is None
    assert "s3cr3tValue9" not in span.to_json()
