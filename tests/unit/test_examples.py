"""Every call of the OpenAPI document shows what goes in and what comes out, and the examples are true."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.app import create_app
from api.http.examples import ANSWERS, REQUESTS

JSON = "application/json"
FEATURES = ("auth", "books", "broker", "strategies", "orders", "notifications", "account", "market")
SCHEMAS = (
    *(f"{feature}.schemas" for feature in FEATURES),
    "events.schemas",
    "strategies.check_schema",
    "strategies.minutes",
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = create_app(
        cast("Any", SimpleNamespace(docs=True, cors_origins=(), trusted_proxies=(), tracer=None))
    )
    return app.openapi()


def model(name: str) -> Any:
    for schemas in SCHEMAS:
        found = getattr(import_module(f"api.{schemas}"), name, None)
        if found is not None:
            return found
    raise LookupError(name)


@pytest.mark.parametrize("name", REQUESTS)
def test_the_api_itself_takes_the_example_of_a_body(name: str) -> None:
    model(name).model_validate(REQUESTS[name])


@pytest.mark.parametrize("name", ANSWERS)
def test_the_example_of_an_answer_is_one(name: str, document: dict[str, Any]) -> None:
    import jsonschema  # for two seconds, which every process of the suite would take while it collects

    known = document["components"]["schemas"]
    jsonschema.validate(ANSWERS[name], known[name] | {"components": document["components"]})
    model(name).model_validate(ANSWERS[name])


def test_every_call_that_takes_or_gives_json_shows_an_example(document: dict[str, Any]) -> None:
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            body = call.get("requestBody", {}).get("content", {}).get(JSON)
            assert body is None or "example" in body, f"{method} {path}"
            for status, answer in call["responses"].items():
                content = answer.get("content", {}).get(JSON) if status.startswith("2") else None
                if content and (name := content["schema"].get("$ref", "").rpartition("/")[2]):
                    assert document["components"]["schemas"][name].get("examples"), f"{method} {path}"


def test_what_the_streams_carry_is_described(document: dict[str, Any]) -> None:
    """A generator makes types of it, and a program knows which event has an id to come back with."""
    for path, carried in {
        "/events": {"EventOut", "StrategyOut", "PriceOut", "DeletedOut"},
        "/strategy/{strategy_id}/events": {"EventOut"},
    }.items():
        item = document["paths"][path]["get"]["responses"]["200"]["content"]["text/event-stream"][
            "itemSchema"
        ]
        items = item.get("oneOf", [item])
        refs = {one["properties"]["data"]["contentSchema"]["$ref"].rsplit("/")[-1] for one in items}
        assert refs == carried
        assert refs <= document["components"]["schemas"].keys()
        assert [one for one in items if "id" in one["required"]] == items[:1]
