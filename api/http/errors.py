"""Error responses: one tree, one handler, one form (RFC 9457).

Problem
├── BadRequest      400
├── TooSlow         408  the request did not arrive in time
└── TooLarge        413

The use cases know nothing of HTTP: their errors (`services.errors`) become problems here, and only here. The
text of a foreign exception never reaches a client; it is in the log, under the request's id.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.http.field_words import in_words
from api.http.json_answer import json_response
from domain.errors import CalendarUnknown, InvalidStrategy, LoginNeeded, Unavailable
from services.errors import (
    BadLink,
    BrokerRejected,
    Conflict,
    FieldError,
    Invalid,
    NotFound,
    NotSetUp,
    ServiceError,
    TooMany,
    TryLater,
    Unauthorized,
)

MEDIA_TYPE = "application/problem+json"
STATUSES: Mapping[type[ServiceError], int] = {
    BadLink: 400,
    Unauthorized: 401,
    NotFound: 404,
    NotSetUp: 404,
    Conflict: 409,
    Invalid: 422,
    BrokerRejected: 422,
    TooMany: 429,
    TryLater: 503,
}
_log = structlog.get_logger(__name__)


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


class TooSlow(Problem):
    status = 408


class TooLarge(Problem):
    status = 413


def problem_of(error: ServiceError) -> Problem:
    """Return the HTTP form of a refusal."""
    errors = error.errors if isinstance(error, Invalid) else ()
    problem = Problem(error.code, error.detail, errors=errors)
    problem.status = STATUSES[type(error)]
    if isinstance(error, Unauthorized):
        problem.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooMany | TryLater):
        problem.headers["Retry-After"] = str(error.seconds)
    return problem


def install(app: FastAPI) -> None:
    """Make every error of the app a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_exception_handler(InvalidStrategy, _invalid_strategy)
    app.add_exception_handler(CalendarUnknown, _calendar_unknown)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(LoginNeeded, _login_needed)


def response(problem: Problem) -> Response:
    """Return the problem as an RFC 9457 answer."""
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


async def _service_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - registered for it
    return response(problem_of(error))


async def _unavailable(_request: Request, error: Exception) -> Response:
    _log.warning("a part does not answer", error=str(error), kind=type(error).__name__)
    words = "A part of the service does not answer at the moment. Try again in a few seconds."
    return response(problem_of(TryLater(words)))


async def _invalid_strategy(_request: Request, error: Exception) -> Response:
    assert isinstance(error, InvalidStrategy)  # noqa: S101
    return response(problem_of(Invalid([FieldError(error.field, error.code, str(error))])))


async def _calendar_unknown(_request: Request, error: Exception) -> Response:
    return response(problem_of(Conflict("calendar_unknown", f"Not possible: {error}.")))


async def _login_needed(_request: Request, _error: Exception) -> Response:
    words = "The login at the broker has ended: log in at the broker again."
    return response(problem_of(Conflict("login_needed", words)))


async def _invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = [in_words(item, str(item["loc"][-1])) for item in error.errors()]
    return response(problem_of(Invalid(found)))


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    problem = Problem(_HTTP_CODES.get(error.status_code, "error"), _HTTP_WORDS.get(error.status_code, ""))
    problem.status = error.status_code
    problem.detail = problem.detail or HTTPStatus(error.status_code).phrase
    problem.headers = dict(error.headers or {})
    return response(problem)


def internal_error() -> Response:
    """Return the answer to an unexpected exception."""
    return response(
        Problem(
            "internal",
            "Something went wrong on our side; it is in our log under the X-Request-Id of this answer.",
        )
    )


_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}
_HTTP_WORDS = {404: "There is nothing at this address.", 405: "This address does not take this method."}
