"""JSON as it leaves: decimals as exact numbers, instants in exchange time, unknown as null."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from domain.money import decimal_text
from domain.session import exchange_time


def to_json(value: object) -> bytes:
    """Return `value` as JSON; a Decimal becomes a JSON number with exactly its digits."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME)


def json_response(
    value: object,
    status: int = 200,
    *,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with JSON."""
    return Response(to_json(value), status, dict(headers or {}), media_type)


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return exchange_time(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise TypeError("a price that is not finite has no JSON number")
        return orjson.Fragment(decimal_text(value))
    if isinstance(value, BaseModel):
        return dict(value)
    if isinstance(value, UUID):  # the database driver's own kind
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
