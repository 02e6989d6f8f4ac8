"""What the internet reaches behind the overlay's proxy: what people call, no numbers, no readiness."""

import re

import pytest
import yaml
from fastapi.routing import APIRoute

from tests.unit.test_containers import ROOT

KEPT_INSIDE = {"/metrics", "/health/ready"}
DOCUMENTS = {"/docs", "/openapi.json"}
"""Off in production: STOPWATCH_DOCS is not set in the overlay."""


def public(path: str) -> bool:
    """Tell whether the proxy's rule lets a path pass, as Traefik reads it."""
    routes = yaml.safe_load((ROOT / "deploy" / "routes.yml").read_text())["http"]
    assert list(routes["routers"]) == ["api"]
    host, _, rule = str(routes["routers"]["api"]["rule"]).partition("&&")
    assert host.strip().startswith("Host(")
    expressions = re.findall(r"PathRegexp\(`([^`]*)`\)", rule)
    paths = re.findall(r"Path\(`([^`]*)`\)", rule)
    left = re.sub(r"Path(Regexp)?\(`[^`]*`\)", "", rule)
    assert set(left) <= set("()| "), f"a rule that is not read here: {left}"
    return path in paths or any(re.search(expression, path) for expression in expressions)


def routes_of_the_app() -> set[str]:
    from api.account import audit_routes
    from api.account import routes as account
    from api.auth import routes as auth
    from api.broker import routes as broker
    from api.events import routes as events
    from api.http import health_routes, web_page
    from api.market import routes as market
    from api.notifications import routes as notifications
    from api.orders import routes as orders
    from api.strategies import event_stream
    from api.strategies import routes as strategies

    streams = (event_stream, events)
    modules = (auth, account, audit_routes, broker, strategies, orders, *streams, market, notifications)
    routers = [module.router for module in (*modules, health_routes, web_page)]
    return {route.path for router in routers for route in router.routes if isinstance(route, APIRoute)}


def test_every_route_but_the_operators_is_public() -> None:
    routes = routes_of_the_app()
    assert routes >= KEPT_INSIDE | {"/health/live", "/strategy/start", "/app", "/auth/login"}
    assert {path for path in routes if not public(path)} == KEPT_INSIDE
    assert not any(public(path) for path in DOCUMENTS)


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "//metrics",
        "/METRICS",
        "/%6detrics",
        "/./metrics",
        "/app/../metrics",
        "/health/ready",
        "/health/ready/",
        "/health//ready",
        "/health/live/../ready",
        "/health",
        "/apple",
        "/strategyx",
        "/healthz",
        "/openapi.json",
        "/docs",
    ],
)
def test_no_spelling_of_what_is_kept_inside_is_public(path: str) -> None:
    """Traefik takes dots out of a path before its rules are asked."""
    parts: list[str] = []
    for part in path.split("/"):
        parts = parts[:-1] if part == ".." else parts + ([] if part == "." else [part])
    assert not public("/".join(parts))


@pytest.mark.parametrize("path", ["/metrics", "/health/ready"])
def test_the_balancer_and_the_containers_do_not_need_them_from_outside(path: str) -> None:
    overlay = (ROOT / "deploy" / "production.yml").read_text()
    assert path not in overlay
