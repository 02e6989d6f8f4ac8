"""A create, a copy or a START that is repeated under its key happens once.

The strategy's id is derived from its user and the key (a copy's from the copied one as well), so that two
requests at one moment are one row too. Nothing else is stored, except that the id was used: a deleted
strategy does not come back. A START's id is derived from its strategy and the key in the same way: sent again
after its day has ended, it does not begin the next day.
"""

from uuid import UUID, uuid4, uuid5

from services.errors import Conflict, FieldError, Invalid

KEY_FIELD = "Idempotency-Key"
_STRATEGIES = UUID("b6a1d2f4-98c3-4f0e-8f57-2b0f6c1f7a10")


def strategy_id_for(user_id: UUID, key: str | None) -> UUID:
    """Return the id of the strategy to create: the same one for the same key."""
    return uuid4() if key is None else uuid5(_STRATEGIES, f"{user_id}|{key}")


def copy_id_for(user_id: UUID, strategy_id: UUID, key: str | None) -> UUID:
    """Return the id of the copy to make of a strategy: the same one for the same key."""
    return uuid4() if key is None else uuid5(strategy_id, f"{user_id}|{key}")


def start_id_for(strategy_id: UUID, key: str | None) -> UUID:
    """Return the id of a START of a strategy: the same one for the same key."""
    return uuid4() if key is None else uuid5(strategy_id, f"start|{key}")


def key_reused() -> Invalid:
    """Return the refusal of a key that created another strategy before."""
    words = "created a strategy that is not this one, or was changed since: take a new one for each strategy"
    return Invalid([FieldError(KEY_FIELD, "key_reused", words)])


def key_used() -> Conflict:
    """Return the refusal of a key whose strategy was deleted since."""
    return Conflict(
        "key_used",
        "This Idempotency-Key has created a strategy that was deleted since, so nothing was created now. To "
        "have such a strategy again, create it with a new key.",
    )
