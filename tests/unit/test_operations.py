"""Every call has a name of its own, which clients that are made from the document call."""

from types import SimpleNamespace
from typing import Any, cast

from api.app import create_app
from api.http.operations import NAMES


def test_every_call_has_one_name_and_every_name_a_call() -> None:
    deps = SimpleNamespace(docs=True, cors_origins=(), trusted_proxies=(), tracer=None)
    paths = create_app(cast("Any", deps)).openapi()["paths"]
    named = {
        f"{method.upper()} {path}": call["operationId"]
        for path, calls in paths.items()
        for method, call in calls.items()
    }
    assert named == dict(NAMES)
    assert len(set(named.values())) == len(named)
