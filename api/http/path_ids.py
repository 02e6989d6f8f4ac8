"""Ids in paths."""

from uuid import UUID

from services.errors import NotFound


def path_id(text: str, what: str = "strategy") -> UUID:
    """Return the id of a path. Raises `NotFound`: a malformed id is as unknown as any other."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(what) from None
