"""Cursors of pages: opaque to the client, stable while rows are added."""

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request

from adapters.postgres.strategies import Spot
from services.errors import FieldError, Invalid

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200


class Placed(Protocol):
    """A row of a newest-first list."""

    @property
    def spot(self) -> Spot: ...


Row = TypeVar("Row", bound=Placed)


async def limit_of(
    request: Request,
    # Text here, so that a wrong one is refused in our words; a number to the outside.
    limit: Annotated[
        str,
        Query(
            json_schema_extra={
                "type": "integer",
                "minimum": 1,
                "maximum": LARGEST_LIMIT,
                "default": DEFAULT_LIMIT,
            }
        ),
    ] = str(DEFAULT_LIMIT),
) -> int:
    """Return `?limit=`. Raises `Invalid`."""
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:9]) <= LARGEST_LIMIT):
        words = f"must be a whole number from 1 to {LARGEST_LIMIT}"
        raise Invalid([FieldError("limit", "out_of_range", words)])
    return int(limit)


Limit = Annotated[int, Depends(limit_of)]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]


def page_of(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
    """Cut `limit` rows from one more than that, and say where to go on."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_text(rows[limit - 1].spot)


def cursor_text(spot: Spot) -> str:
    return _encode(f"{spot.created_at.isoformat()}|{spot.row_id}")


def spot_of(cursor: str | None) -> Spot | None:
    """Return where a newest-first list goes on. Raises `Invalid`."""
    if not cursor:
        return None
    try:
        created_at, row_id = _decode(cursor).split("|")
        spot = Spot(datetime.fromisoformat(created_at), UUID(row_id))
    except ValueError:
        raise _bad_cursor() from None
    if spot.created_at.tzinfo is None:
        raise _bad_cursor()
    return spot


def event_cursor(event_id: int) -> str:
    return _encode(f"event|{event_id}")


def event_of(cursor: str | None) -> int:
    """Return the id after which a timeline goes on. Raises `Invalid`."""
    if not cursor:
        return 0
    try:
        kind, number = _decode(cursor).split("|")
    except ValueError:
        raise _bad_cursor() from None
    if kind != "event" or not is_event_id(number):
        raise _bad_cursor()
    return int(number)


def line_cursor(seq: int) -> str:
    return _encode(f"line|{seq}")


def line_of(cursor: str | None) -> int | None:
    """Return the number before which the audit log goes on; None from its end. Raises `Invalid`."""
    if not cursor:
        return None
    try:
        kind, number = _decode(cursor).split("|")
    except ValueError:
        raise _bad_cursor() from None
    if kind != "line" or not is_event_id(number):
        raise _bad_cursor()
    return int(number)


def is_event_id(text: str) -> bool:
    """Tell whether it is a number that Postgres can compare an event's id with."""
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()


def _bad_cursor() -> Invalid:
    return Invalid([FieldError("cursor", "bad_cursor", "must be the `next` of an earlier page")])
