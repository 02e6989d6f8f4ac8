"""Marks each process's Postgres connections with the ids of the keys it uses.

A rotation must not outrun the processes: a worker without the new key could not open what was sealed to it,
and no order would leave. So each process states its keys; key ids are no secret.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_OPENS, _SEALS = "opens=", "seals="
_DIGITS = 8
"""Of a key's id: Postgres cuts names at 63 bytes, and four keys at a time are room enough."""


@dataclass(frozen=True, slots=True)
class InTheWay:
    """The processes, by name, that do not use the current key yet."""

    cannot_open: Sequence[str]
    seal_to_another: Sequence[str]


def opening(application: str, key_ids: Iterable[bytes]) -> str:
    """Return the connection name of a process that opens secrets with these keys."""
    return f"{application} {_OPENS}{','.join(map(_short, key_ids))}"


def sealing(application: str, key_id: bytes) -> str:
    """Return the connection name of a process that seals secrets to this key."""
    return f"{application} {_SEALS}{_short(key_id)}"


def in_the_way(names: Iterable[str], current: bytes) -> InTheWay:
    """Read connection names and return the processes that lack the current key."""
    cannot_open, seal_to_another = [], []
    for name in names:
        words, _, keys = name.rpartition(" ")
        if keys.startswith(_OPENS) and _short(current) not in keys.removeprefix(_OPENS).split(","):
            cannot_open.append(words)
        if keys.startswith(_SEALS) and keys != _SEALS + _short(current):
            seal_to_another.append(words)
    return InTheWay(cannot_open, seal_to_another)


def _short(key_id: bytes) -> str:
    return key_id.hex()[:_DIGITS]
