"""Traces the order calls of an account as spans."""

from typing import Any

import structlog
from opentelemetry.trace import SpanKind, Tracer

from adapters.kite.broker import KiteBroker
from domain.order import LEAVE_WITHIN, OrderRequest
from domain.outcome import Accepted, PlaceOutcome

_IDS = ("user_id", "strategy_id", "workflow_id", "run_id", "request_id")


class TracedKiteBroker(KiteBroker):
    """Sends orders as `KiteBroker` does, each within a span of the caller's trace."""

    def __init__(self, tracer: Tracer, *words: Any) -> None:
        super().__init__(*words)
        self._tracer = tracer

    async def place(
        self, order: OrderRequest, timeout: float, leave_within: float = LEAVE_WITHIN
    ) -> PlaceOutcome:
        """Send one order, once; never raises for a broker or network failure, never retries."""
        with self._tracer.start_as_current_span(
            f"broker order {order.side}", kind=SpanKind.CLIENT, attributes=_attributes(order)
        ) as span:
            outcome = await super().place(order, timeout, leave_within)
            span.set_attribute("stopwatch.outcome", type(outcome).__name__.lower())
            if isinstance(outcome, Accepted):
                span.set_attribute("stopwatch.broker_order_id", outcome.broker_order_id)
            return outcome


def ids() -> dict[str, str]:
    """Return the user and strategy ids of the current log context."""
    bound = structlog.contextvars.get_contextvars()
    return {f"stopwatch.{name}": str(bound[name]) for name in _IDS if name in bound}


def _attributes(order: OrderRequest) -> dict[str, str | int]:
    return {
        "stopwatch.tag": order.tag,
        "stopwatch.instrument": order.terms.instrument,
        "stopwatch.quantity": order.quantity,
        **ids(),
    }
