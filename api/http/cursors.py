"""Cursors of pages: opaque to the client, stable while rows are added, good for one list of one user.

A cursor says where its list goes on and whose list it is; another user's, another list's, and one that was
made up are refused alike.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Query

from adapters.postgres.strategies import Spot
from api.http.numbers import LARGEST_ID, whole_number
from services.errors import FieldError, Invalid

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200
LONGEST_CURSOR = 512
"""Characters; those that are made here have about a hundred."""
_FIRST_DAY, _LAST_DAY = datetime(2000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""An instant outside is none of a row, and some have no form in Postgres."""


class Placed(Protocol):
    """A row of a newest-first list."""

    @property
    def spot(self) -> Spot: ...


Row = TypeVar("Row", bound=Placed)


async def limit_of(
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
    number = whole_number(limit, LARGEST_LIMIT)
    if not number:
        words = f"must be a whole number from 1 to {LARGEST_LIMIT}"
        raise Invalid([FieldError("limit", "out_of_range", words)])
    return number


Limit = Annotated[int, Depends(limit_of)]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]


@dataclass(frozen=True, slots=True)
class Cursors:
    """The cursors of one list of one user. Reading one raises `Invalid`."""

    user_id: UUID
    name: str

    def page(self, rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], str | None]:
        """Cut `limit` rows from one more than that, and say where to go on."""
        if len(rows) <= limit:
            return rows, None
        spot = rows[limit - 1].spot
        return rows[:limit], self._text(f"{spot.created_at.isoformat()}|{spot.row_id}")

    def spot(self, cursor: str | None) -> Spot | None:
        """Return where a newest-first list goes on; None from its beginning."""
        if not cursor:
            return None
        try:
            created_at, row_id = self._place(cursor).split("|")
            spot = Spot(datetime.fromisoformat(created_at), UUID(row_id))
        except ValueError:
            raise _bad_cursor() from None
        if spot.created_at.tzinfo is None or not _FIRST_DAY < spot.created_at < _LAST_DAY:
            raise _bad_cursor()
        return spot

    def number_text(self, number: int) -> str:
        """Return the cursor of a list that goes on at a number."""
        return self._text(str(number))

    def number(self, cursor: str | None) -> int | None:
        """Return the number at which a list goes on; None from its beginning."""
        if not cursor:
            return None
        found = event_id_of(self._place(cursor))
        if found is None:
            raise _bad_cursor()
        return found

    def _text(self, place: str) -> str:
        return base64.urlsafe_b64encode(f"{place}|{self._whose(place)}".encode()).decode().rstrip("=")

    def _place(self, cursor: str) -> str:
        try:
            place, _, whose = _decode(cursor).rpartition("|")
        except ValueError:
            raise _bad_cursor() from None
        if whose != self._whose(place):
            raise _bad_cursor()
        return place

    def _whose(self, place: str) -> str:
        # No secret: a user who makes a cursor up sees rows of their own. Ids of users are random.
        return sha256(f"{self.user_id}|{self.name}|{place}".encode()).hexdigest()[:16]


def event_id_of(text: str) -> int | None:
    """Return the id of an event; None where the text is none that Postgres can compare with one."""
    return whole_number(text, LARGEST_ID)


def _decode(cursor: str) -> str:
    if len(cursor) > LONGEST_CURSOR:
        raise ValueError("longer than any cursor made here")
    return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()


def _bad_cursor() -> Invalid:
    return Invalid([FieldError("cursor", "bad_cursor", "must be the `next` of an earlier page of this list")])
