"""The place of a stream over several timelines: which lines its client has.

Ids grow in commit order within one strategy only, so one number does not say it: of two lines of a moment the
larger id may come first. A place is a floor, up to which the client has every line, and the few ids above it
that it has as well. Lines older than `SETTLED` are below the floor: no transaction that writes one
lasts so long.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from api.http.numbers import LARGEST_ID
from services.errors import FieldError, Invalid

SETTLED = timedelta(seconds=30)
LONGEST = 4096
"""Characters of a place that a client may send back."""
_FORM = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,9})*")


@dataclass(slots=True)
class Place:
    """`sent`: ids above `floor` that the client has, with their lines' instants; None where not known."""

    floor: int = 0
    sent: dict[int, datetime | None] = field(default_factory=dict)

    @classmethod
    def of(cls, last_event_id: str | None) -> Self:
        """Return the place that a client names by Last-Event-ID. Raises `Invalid`."""
        if not last_event_id:
            return cls()
        if len(last_event_id) > LONGEST or _FORM.fullmatch(last_event_id) is None:
            raise _bad()
        floor, *ahead = (int(part) for part in last_event_id.split("."))
        if floor > LARGEST_ID or any(floor + one > LARGEST_ID for one in ahead):
            raise _bad()
        return cls(floor, {floor + one: None for one in ahead})

    def has(self, event_id: int) -> bool:
        """Tell whether the client has a line."""
        return event_id <= self.floor or event_id in self.sent

    def add(self, event_id: int, at: datetime) -> str:
        """Note that the client gets a line, written at an instant; return its place with it, as text."""
        self.sent[event_id] = at
        self.sent = {one: written or at for one, written in self.sent.items()}
        self.floor = settled(self.sent, self.floor)
        self.sent = {one: written for one, written in self.sent.items() if one > self.floor}
        return str(self)

    def __str__(self) -> str:
        return ".".join(map(str, (self.floor, *(one - self.floor for one in sorted(self.sent)))))


def settled(lines: Mapping[int, datetime | None], floor: int) -> int:
    """Return the floor above which lines may still come, of lines by id with their instants.

    By the lines' own instants, of one clock: a line is settled once another one is so much younger.
    """
    known = {event_id: at for event_id, at in lines.items() if at is not None}
    newest = max(known.values(), default=None)
    if newest is None:
        return floor
    return max((event_id for event_id, at in known.items() if newest - at > SETTLED), default=floor)


def _bad() -> Invalid:
    words = "must be the id of the last event you have"
    return Invalid([FieldError("Last-Event-ID", "bad_event_id", words)])
