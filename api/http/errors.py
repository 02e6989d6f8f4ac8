"""What the API answers when it cannot do what was asked: one tree, one handler, one form (RFC 9457).

Problem
├── Unauthorized    401  who are you
├── NotFound        404  unknown, or somebody else's: the same answer
├── Conflict        409  expected: what is there now does not allow it
├── TooSlow         408  the request did not arrive in time
├── TooLarge        413
├── Invalid         422  carries every wrong field
├── TooMany         429  carries when to try again
└── Away            503  a part does not answer; carries when to try again

What other people's exceptions say never reaches a client; it is in the log, under the request's id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.http.json_answer import json_response
from domain.errors import CalendarUnknown, InvalidStrategy, LoginNeeded, Unavailable

RETRY_SECONDS = 3
MEDIA_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field, in words its sender can act on."""

    field: str
    code: str
    message: str


class Problem(Exception):
    """An answer that is not a success. `detail` is a sentence for a person."""

    status = 500

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


class BadRequest(Problem):
    status = 400


class Unauthorized(Problem):
    """The same words whatever is wrong with a token: an attacker learns nothing from them."""

    status = 401

    def __init__(self, code: str = "unauthorized", detail: str = "") -> None:
        super().__init__(
            code,
            detail or "This call needs a valid access token: log in, or refresh the token you have.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class NotFound(Problem):
    status = 404

    def __init__(self, what: str = "strategy") -> None:
        super().__init__("not_found", f"You have no {what} with this id.")


class Conflict(Problem):
    status = 409


class TooSlow(Problem):
    status = 408


class TooLarge(Problem):
    status = 413


class Invalid(Problem):
    status = 422

    def __init__(self, errors: Sequence[FieldError]) -> None:
        fields = ", ".join(dict.fromkeys(error.field for error in errors))
        super().__init__(
            errors[0].code if len(errors) == 1 else "invalid",
            f"{_named(errors[0])}" if len(errors) == 1 else f"Please correct: {fields}.",
            errors=errors,
        )


class TooMany(Problem):
    status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(
            "too_many_attempts",
            f"That was tried too often. Try again {_in(seconds)}.",
            headers={"Retry-After": str(seconds)},
        )


class Refused(Problem):
    """The broker said no."""

    status = 422


class Away(Problem):
    status = 503

    def __init__(self, detail: str, code: str = "unavailable", seconds: int = RETRY_SECONDS) -> None:
        super().__init__(code, detail, headers={"Retry-After": str(seconds)})


def install(app: FastAPI) -> None:
    """Make every error of the app a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(InvalidStrategy, _invalid_strategy)
    app.add_exception_handler(CalendarUnknown, _calendar_unknown)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(LoginNeeded, _login_needed)


def response(problem: Problem) -> Response:
    """Return the problem as it goes over the wire."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
    }
    if problem.errors:
        body["errors"] = [
            {"field": error.field, "code": error.code, "message": error.message} for error in problem.errors
        ]
    return json_response(body, problem.status, media_type=MEDIA_TYPE, headers=problem.headers)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for it
    return response(error)


async def _unavailable(_request: Request, error: Exception) -> Response:
    _log.warning("a part does not answer", error=str(error), kind=type(error).__name__)
    return response(Away("A part of the service does not answer at the moment. Try again in a few seconds."))


async def _invalid_strategy(_request: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidStrategy)  # noqa: S101
    return response(Invalid([FieldError(error.field, error.code, str(error))]))


async def _calendar_unknown(_request: Request, error: Exception) -> Response:
    return response(Conflict("calendar_unknown", f"Not possible: {error}."))


async def _login_needed(_request: Request, _error: Exception) -> Response:
    return response(
        Conflict("login_needed", "The login at the broker has ended: log in at the broker again.")
    )


async def _invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = [FieldError(str(item["loc"][-1]), str(item["type"]), str(item["msg"])) for item in error.errors()]
    return response(Invalid(found))


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    problem = Problem(_HTTP_CODES.get(error.status_code, "error"), _HTTP_WORDS.get(error.status_code, ""))
    problem.status = error.status_code
    problem.detail = problem.detail or HTTPStatus(error.status_code).phrase
    problem.headers = dict(error.headers or {})
    return response(problem)


def internal_error() -> Response:
    """Return the answer to what nobody foresaw."""
    return response(
        Problem(
            "internal",
            "Something went wrong on our side; it is in our log under the X-Request-Id of this answer.",
        )
    )


def _in(seconds: int) -> str:
    if seconds < 120:
        return f"in {seconds} seconds" if seconds > 1 else "in a second"
    return f"in {-(-seconds // 60)} minutes"


def _named(error: FieldError) -> str:
    return f"{error.field}: {error.message}"


_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}
_HTTP_WORDS = {404: "There is nothing at this address.", 405: "This address does not take this method."}
