"""The OpenAPI document: FastAPI's, completed by what every call may answer besides success.

Which problems a call can have follows from what it is: whether it needs a token, takes a body, names an
object, changes something. So a new route is described as soon as it is there, and
tests/integration/test_api_schema.py fails when one answers what is not written here.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, Field, TypeAdapter

from api.http.errors import MEDIA_TYPE
from api.http.examples import ANSWERS, REQUESTS
from api.http.problem_codes import codes_of
from api.http.stream_schema import hoist

PROBLEM = {"$ref": "#/components/schemas/Problem"}
_NEEDS_NOBODY = ("/health/live", "/metrics")
_BODY_METHODS = ("post", "put", "patch")
_FRAMEWORKS = ("HTTPValidationError", "ValidationError")
_METHODS = (*_BODY_METHODS, "get", "delete")
_MEANINGS = {
    400: "The broker did not confirm the login, or the link is not ours or has expired.",
    401: "Who is calling is not known: log in, or refresh the token.",
    404: "Unknown, or somebody else's: the same answer; or not set up on this server, by its own code.",
    408: "The rest of the request did not arrive in time.",
    409: "What is there now does not allow it; `code` says what.",
    413: "The request is larger than any honest one.",
    422: "Something in the request is wrong; `errors` names every field.",
    429: "Too many calls; Retry-After says in how many seconds to come back.",
    503: "A part of the service does not answer; Retry-After says when to try again.",
}


class FieldProblem(BaseModel, extra="forbid"):
    """One wrong field."""

    field: str
    code: str
    message: str


class ProblemOut(BaseModel, extra="forbid"):
    """An answer that is not a success (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str = Field(description="A sentence for a person.")
    code: str = Field(description="A word for a program.")
    errors: list[FieldProblem] = Field(default=[], description="Every wrong field.")


def complete(app: FastAPI) -> None:
    """Have the app answer with the completed document."""
    plain = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = completed(plain())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the problems of every call."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FRAMEWORKS:  # the framework's own form of a 422, which is never sent here
        schemas.pop(name, None)
    problem = TypeAdapter(ProblemOut).json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem | {"title": "Problem"}
    for calls in document["paths"].values():
        hoist(calls.get("get", {}).get("responses", {}).get("200", {}), schemas)
    for name, example in ANSWERS.items():
        schemas[name]["examples"] = [example]
    for schema in schemas.values():
        # Answers grow: a client that is made from today's document must not fail at tomorrow's field.
        schema.pop("additionalProperties", None)
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if method in _METHODS:
                for content in call.get("requestBody", {}).get("content", {}).values():
                    _hoist(content, schemas)
                _describe(call, path, method)
    return document


def _hoist(content: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Make a body's schema, and the parts of it, components of the document, with an example."""
    schema = content["schema"]
    name = schema["title"]
    schemas |= schema.pop("$defs", {})
    schemas[name] = schema
    content["schema"] = {"$ref": f"#/components/schemas/{name}"}
    content["example"] = REQUESTS[name]


def _describe(call: dict[str, Any], path: str, method: str) -> None:
    answers = call["responses"]
    answers.get("201", {}).update(_links(path))
    for parameter in call.get("parameters", []):
        if parameter["schema"].get("type") == "integer" and "default" in parameter["schema"]:
            parameter["schema"]["default"] = int(parameter["schema"]["default"])
    answers.pop("422", None)
    for status in sorted(set(_problems(call, path, method))):
        answers[str(status)] = {
            "description": f"{HTTPStatus(status).phrase}. {_MEANINGS[status]}",
            "content": {MEDIA_TYPE: {"schema": PROBLEM}},
        }
        codes = codes_of(f"{method.upper()} {path}", status)
        if codes:
            answers[str(status)]["x-codes"] = codes


def _links(path: str) -> dict[str, Any]:
    """Return where a new strategy's id can be used next: in the path of some calls, in the body of others."""
    if path not in ("/strategy/create", "/strategy/{strategy_id}/copy"):
        return {}
    made = "$response.body#/strategy_id"
    in_path = {
        name: {"operationRef": f"#/paths/{_escaped(after)}/{method}", "parameters": {"strategy_id": made}}
        for name, method, after in (
            ("read", "get", "/strategy/{strategy_id}"),
            ("orders", "get", "/strategy/{strategy_id}/orders"),
            ("timeline", "get", "/strategy/{strategy_id}/timeline"),
            ("edit", "patch", "/strategy/{strategy_id}"),
            ("copy", "post", "/strategy/{strategy_id}/copy"),
            ("delete", "delete", "/strategy/{strategy_id}"),
        )
    }
    in_body = {
        name: {
            "operationRef": f"#/paths/{_escaped(f'/strategy/{name}')}/post",
            "requestBody": {"strategy_id": made},
        }
        for name in ("start", "stop")
    }
    return {"links": in_path | in_body}


def _escaped(path: str) -> str:
    return path.replace("~", "~0").replace("/", "~1")


def _problems(call: dict[str, Any], path: str, method: str) -> Iterator[int]:
    if call.get("security") or path.startswith("/auth/"):
        yield 401
    if "{" in path or path in ("/strategy/start", "/strategy/stop", "/notices/push-key"):
        yield 404
    if method != "get" or path == "/broker/login-url":
        yield 409
    if "requestBody" in call:
        yield from (408, 413, 422)
    if call.get("parameters"):
        yield 422
    if path in ("/broker/callback", "/auth/reset", "/auth/verify"):
        yield 400
    if path not in _NEEDS_NOBODY:
        yield 503
    if not path.startswith(("/health/", "/metrics")):
        yield 429
