"""Build the app: routes, error handlers and middleware around its dependencies."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api.account import audit_routes
from api.account import routes as account_routes
from api.auth import routes as auth_routes
from api.books import routes as book_routes
from api.broker import routes as broker_routes
from api.dependencies import Dependencies
from api.events import routes as event_routes
from api.events.feeds import Feeds
from api.events.touch import FeedTouch
from api.http import docs_page, errors, health_routes, openapi, web_page
from api.http.metrics import Metrics
from api.http.middleware import RequestMiddleware
from api.http.operations import operation_id
from api.http.stream_gate import OpenStreams, StreamGate
from api.http.stream_response import StreamKeeper
from api.market import routes as market_routes
from api.notifications import routes as notice_routes
from api.orders import routes as order_routes
from api.strategies import event_stream as stream
from api.strategies import minutes as minute_routes
from api.strategies import routes as strategy_routes
from api.strategies.live_timelines import LiveTimelines

ABOUT = (
    "Buys at a time, sells at a time, and watches the stop in between. Times of day are exchange time (IST)."
)


def create_app(deps: Dependencies) -> FastAPI:
    """Return the app; it opens and closes nothing itself."""
    app = FastAPI(
        title="Stopwatch",
        description=ABOUT,
        version="1",
        docs_url=None,  # the framework's own page loads from another host: ours is docs_page
        openapi_url="/openapi.json" if deps.docs else None,
        redoc_url=None,
        generate_unique_id_function=operation_id,
        # A redirect to the address without its slash would be built from the Host header.
        redirect_slashes=False,
    )
    app.state.deps = deps
    app.state.metrics = Metrics()
    app.state.streams = OpenStreams(deps)
    app.state.stream_keeper = StreamKeeper()
    app.state.live_timelines = LiveTimelines(deps)
    app.state.feeds = Feeds(deps)
    app.state.metrics.show_dropped(lambda: deps.event_notifier.dropped)
    for routes in (
        auth_routes,
        account_routes,
        audit_routes,
        broker_routes,
        strategy_routes,
        minute_routes,
        order_routes,
        book_routes,
        stream,
        event_routes,
        market_routes,
        notice_routes,
        health_routes,
        web_page,
    ):
        app.include_router(routes.router)
    if deps.docs:
        app.include_router(docs_page.router)
    errors.install(app)
    openapi.complete(app)
    app.add_middleware(FeedTouch, feeds=app.state.feeds, deps=deps)
    app.add_middleware(StreamGate, streams=app.state.streams, deps=deps)
    if deps.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=deps.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
            expose_headers=["X-Request-Id", "Retry-After"],
        )
    if deps.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(deps.trusted_proxies))
    # Added last, so outermost: also the answers of the layers inside carry headers, id and log line.
    app.add_middleware(RequestMiddleware, metrics=app.state.metrics)
    if deps.tracer is not None:
        from api.http.tracing import TraceRequests  # not loaded where traces are not collected

        app.add_middleware(TraceRequests, tracer=deps.tracer)
    return app
