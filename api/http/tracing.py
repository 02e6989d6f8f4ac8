"""Make each request a span that begins a trace; a trace id from outside is not believed."""

from opentelemetry.trace import SpanKind, Tracer
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import get_contextvars

_IDS = ("request_id", "user_id", "strategy_id", "run_id")
_UNSEEN = ("/health/", "/metrics", "/app")
"""Paths that are asked for every few seconds, or are only files: no spans."""


class TraceRequests:
    """A layer around all others; knows the route and the caller when they have done their work."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_UNSEEN):
            await self._app(scope, receive, send)
            return
        with self._tracer.start_as_current_span(scope["method"], kind=SpanKind.SERVER) as span:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                await send(message)

            try:
                await self._app(scope, receive, noting)
            finally:
                # The route's path, not the request's: query strings carry tokens.
                route = getattr(scope.get("route"), "path", "unknown")
                span.update_name(f"{scope['method']} {route}")
                span.set_attributes({"http.request.method": scope["method"], "http.route": route})
                span.set_attributes(_ids())


def _ids() -> dict[str, str]:
    bound = get_contextvars()
    return {f"stopwatch.{name}": str(bound[name]) for name in _IDS if bound.get(name)}
