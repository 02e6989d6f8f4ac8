"""JSON as it comes in: small, decimals never through binary floats, every wrong field named at once."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from api.http.errors import TooLarge, TooSlow
from api.http.field_words import BAD_CHARACTERS, in_words
from api.http.numbers import whole_number
from services.errors import FieldError, Invalid

LIMIT = 16 * 1024
"""Bytes of a request. The largest honest one is a few hundred."""
SECONDS = 10.0
"""From the end of the headers to the end of the body."""
_NOT_JSON = FieldError("body", "invalid_json", "must be one JSON object in which each name comes once")
_CLOSE = {"Connection": "close"}
_HALF_A_CHARACTER = re.compile(r"[\ud800-\udfff]")


Model = TypeVar("Model", bound=BaseModel)


async def read_object(request: Request) -> dict[str, Any]:
    """Return the request's JSON object. Raises `TooLarge`, `Invalid`."""
    raw = await _read(request)
    try:
        value = json.loads(
            raw, parse_float=_exact, parse_constant=_not_a_number, object_pairs_hook=_each_name_once
        )
        wrong = _unstorable(value) if isinstance(value, dict) else None
    except (ValueError, RecursionError):
        raise Invalid([_NOT_JSON]) from None
    if wrong is None:
        raise Invalid([_NOT_JSON])
    if wrong:
        raise Invalid([FieldError(name, *BAD_CHARACTERS) for name in wrong])
    return dict(value)


def body_of(model: type[Model]) -> Callable[[Request], Coroutine[Any, Any, Model]]:
    """Return a dependency that reads the body as `model`."""

    async def read(request: Request) -> Model:
        return parsed(model, await read_object(request))

    return read


def parsed(model: type[Model], value: dict[str, Any]) -> Model:
    """Return `value` as `model`. Raises `Invalid` naming every wrong field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(field_errors(error)) from None


def field_errors(error: ValidationError) -> list[FieldError]:
    """Return what is wrong in the words of the one who sent it; values are not repeated."""
    errors = error.errors(include_url=False, include_input=False)
    return [in_words(item, str(item["loc"][0]) if item["loc"] else "body") for item in errors]


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """Return what OpenAPI says of a body that `body_of` reads; `api.http.openapi` places its parts."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def _read(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if whole_number(length, LIMIT) is None:
        _too_large()
    raw = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > LIMIT:
                    _too_large()
    except TimeoutError:
        words = f"The request's body did not arrive within {SECONDS:.0f} seconds. Send it again."
        raise TooSlow("too_slow", words, headers=_CLOSE) from None
    return bytes(raw)


def _unstorable(value: dict[str, Any]) -> list[str]:
    """Return the fields with text that has no form in UTF-8 or in Postgres, however deep in them.

    Raises `ValueError` where the name itself is such a text: it cannot be said again.
    """
    if not all(map(_is_storable, value)):
        raise ValueError("a name that cannot be written")
    return [name for name, held in value.items() if not _is_storable(held)]


def _is_storable(value: object) -> bool:
    match value:
        case str():
            return "\x00" not in value and not _HALF_A_CHARACTER.search(value)
        case dict():
            return all(_is_storable(name) and _is_storable(held) for name, held in value.items())
        case list():
            return all(map(_is_storable, value))
    return True


def _too_large() -> NoReturn:
    # What is left of the request is not read: the connection is of no more use.
    raise TooLarge("too_large", f"A request has at most {LIMIT} bytes.", headers=_CLOSE)


def _exact(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except ArithmeticError:  # an exponent beyond what the type can hold
        raise ValueError(digits) from None


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Of a name that comes twice, one reader takes the first value and another the last.
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _not_a_number(word: str) -> NoReturn:
    raise ValueError(word)
