"""`Idempotency-Key`: a phone that heard no answer sends the same create again, and gets the same strategy.

The strategy's id is made from its user and the key, so that two requests at one moment are one row as well:
nothing is remembered beside it but that the id was used: after a delete it does not come back. START, STOP,
the kill switch and every PUT and DELETE need no key: sent again they find done what they ask for.
"""

from typing import Annotated
from uuid import UUID, uuid4, uuid5

from fastapi import Depends, Header

from api.http.errors import Conflict, FieldError, Invalid

LONGEST = 64
_STRATEGIES = UUID("b6a1d2f4-98c3-4f0e-8f57-2b0f6c1f7a10")
_HEADER = "Idempotency-Key"


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias=_HEADER,
            description="A word of your own for this one creation. Repeated, it answers with the same "
            "strategy; once that was deleted, with 409 `key_used`: take a new word for a new strategy.",
            examples=["0f9d8a3e-6a55-4a0a-9d52-3a8e8a4f6d01"],
        ),
    ] = None,
) -> str | None:
    """Return the caller's word. Raises `Invalid` for one that is empty, too long or not plain ASCII."""
    if key is None or (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        return key
    words = f"must be 1 to {LONGEST} plain characters, the same ones whenever the same request is repeated"
    raise Invalid([FieldError(_HEADER, "bad_key", words)])


Key = Annotated[str | None, Depends(idempotency_key)]


def strategy_id_for(user_id: UUID, key: str | None) -> UUID:
    """Return the id of the strategy that is created by this request: the same one for the same key."""
    return uuid4() if key is None else uuid5(_STRATEGIES, f"{user_id}|{key}")


def key_reused() -> Invalid:
    """Return the problem of a key that created another strategy before."""
    words = "created another strategy before: take a new one for each strategy"
    return Invalid([FieldError(_HEADER, "key_reused", words)])


def key_used() -> Conflict:
    """Return the problem of a key whose strategy was deleted since: a repeated request makes nothing anew."""
    return Conflict(
        "key_used",
        "This Idempotency-Key has created a strategy that was deleted since, so nothing was created now. To "
        "have such a strategy again, create it with a new key.",
    )
