"""Decides which errors of Postgres and its driver mean "it did not answer"."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import exc

from domain.errors import StoreUnavailable
from domain.part_refusal import PartRefusal, refused

_UNANSWERED = (
    OSError,  # TimeoutError included: the driver's command timeout
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    exc.OperationalError,
    exc.InterfaceError,
    exc.TimeoutError,  # no free connection in the pool
)
_UNANSWERED_STATES = (
    "08",  # connection exceptions
    "25P03",  # idle in transaction for too long: this process was frozen, and its locks were taken away
    "25006",  # read only: a standby, or a server in the middle of a failover
    "28",  # no login: the role is not made yet, or its password is being changed
    "3D",  # no such database, not yet
    "40",  # rolled back: deadlock, serialization
    "53",  # out of connections, memory or disk
    "55P03",  # lock_timeout
    "57",  # shutting down, starting up, statement cancelled
    "58",  # its own I/O errors
    "XX",  # internal errors
)

_REFUSALS = {
    "53100": PartRefusal.DISK,
    "53200": PartRefusal.MEMORY,
    "25006": PartRefusal.READ_ONLY,
    "28": PartRefusal.LOGIN,
}
"""States in which Postgres answers, and refuses every login or write; by how they begin."""


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn an error that means Postgres did not answer into `StoreUnavailable`; others pass."""
    try:
        yield
    except Exception as error:
        if unanswered(error):
            raise _unavailable(error) from error
        raise


def refusal_of(error: BaseException) -> PartRefusal | None:
    """Return why Postgres refuses, where it answered and said so."""
    state = state_of(error)
    return next((why for begins, why in _REFUSALS.items() if state.startswith(begins)), None)


def state_of(error: BaseException) -> str:
    """Return the state that Postgres gave (SQLSTATE), empty where it gave none."""
    return next((found for found in map(_state, _chain(error)) if found), "")


def _unavailable(error: BaseException) -> StoreUnavailable:
    refusal = refusal_of(error)
    if refusal is not None:
        return StoreUnavailable(f"Postgres {refused(refusal)} ({_name(error)})", refusal=refusal)
    return StoreUnavailable(f"Postgres did not answer ({_name(error)})")


def unanswered(error: BaseException) -> bool:
    """Tell whether the outcome is unknown after this error: it is no refusal of the statement."""
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return True
    state = next((found for found in map(_state, _chain(error)) if found), None)
    if state is not None:
        return state.startswith(_UNANSWERED_STATES)
    return isinstance(error, _UNANSWERED)


def broken_constraint(error: BaseException) -> str | None:
    """Return the name of the constraint that refused a statement, None where none did."""
    names = (getattr(found, "constraint_name", None) for found in _chain(error))
    return next((name for name in names if isinstance(name, str)), None)


def _state(error: BaseException) -> str | None:
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    while at is not None:
        yield at
        at = getattr(at, "orig", None) or at.__cause__


def _name(error: BaseException) -> str:
    return type(list(_chain(error))[-1]).__name__
