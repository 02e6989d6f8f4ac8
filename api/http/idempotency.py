"""`Idempotency-Key`: a phone without an answer sends its create, copy or START again; it happens once.

See `services.strategies.creation_key`. STOP, the kill switch and every PUT, PATCH and DELETE need no key:
sent again they find done what they ask for. A START does so while its day lasts; with a key, afterwards too.
"""

from typing import Annotated

from fastapi import Depends, Header

from services.errors import FieldError, Invalid
from services.strategies.creation_key import KEY_FIELD

LONGEST = 64


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias=KEY_FIELD,
            description="A word of your own for this one request. Repeated, it answers with the same "
            "strategy, and nothing is done twice; once the strategy was deleted, a creation answers with 409 "
            "`key_used`: take a new word for a new strategy.",
            examples=["0f9d8a3e-6a55-4a0a-9d52-3a8e8a4f6d01"],
        ),
    ] = None,
) -> str | None:
    """Return the caller's word. Raises `Invalid` for one that is empty, too long or not plain ASCII."""
    if key is None or (0 < len(key) <= LONGEST and key.isascii() and key.isprintable()):
        return key
    words = f"must be 1 to {LONGEST} plain characters, the same ones whenever the same request is repeated"
    raise Invalid([FieldError(KEY_FIELD, "bad_key", words)])


Key = Annotated[str | None, Depends(idempotency_key)]
