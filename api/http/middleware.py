"""Add headers and an id to every answer; log and count every request."""

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import internal_error
from api.http.metrics import Metrics
from services.audit_trail import remember_origin

_log = structlog.get_logger(__name__)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_APP_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_DOCS_POLICY = (
    # Swagger UI writes styles into its elements.
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class RequestMiddleware:
    """The outermost layer. Plain ASGI: event streams pass through it untouched."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        # Read when a line is written: the layers inside may yet learn the address from a trusted proxy.
        remember_origin(lambda: _origin(scope))

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message, scope["path"], request_id)
                self._note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            # Caught here, inside the framework's own last resort, whose answers carry none of our headers.
            _log.error("unexpected error", exc_info=error)
            if started:
                raise
            await internal_error()(scope, receive, send_with_headers)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.answered(scope["method"], route, status, seconds)
        # The path of the route, not of the request: query strings carry tokens, paths carry ids.
        _log.info("answered", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


def _is_app(path: str) -> bool:
    return path == "/app" or path.startswith("/app/")


def _policy(path: str) -> str:
    if path == "/docs" or path.startswith("/docs/"):
        return _DOCS_POLICY
    return _APP_POLICY if _is_app(path) else _API_POLICY


def _add_headers(message: Message, path: str, request_id: str) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _ALWAYS.items():
        headers[name] = value
    headers["Content-Security-Policy"] = _policy(path)
    if _is_app(path):
        headers["Cache-Control"] = "no-cache"  # kept, and asked for again: the files are no secret
        headers["Service-Worker-Allowed"] = "/app"
    headers["X-Request-Id"] = request_id


def _route(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unknown"


def _origin(scope: Scope) -> tuple[str, str]:
    """Return the client's address and what it calls itself."""
    client = scope.get("client")
    return client[0] if client else "", Headers(scope=scope).get("user-agent", "")


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _ID.fullmatch(given) else uuid4().hex
