"""Which keys our processes work with, as Postgres shows it: in the names of their connections.

A rotation must not outrun the processes: a worker that was not told of the new key could open nothing that
was sealed to it: no order would leave. So each says what it opens with or seals to: key ids are no secret.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_OPENS, _SEALS = "opens=", "seals="
_DIGITS = 8
"""Of a key's id: Postgres cuts names at 63 bytes, and four keys at a time are room enough."""


@dataclass(frozen=True, slots=True)
class InTheWay:
    """Processes, by what they call themselves, that do not work with the current key yet."""

    cannot_open: Sequence[str]
    seal_to_another: Sequence[str]


def opening(application: str, key_ids: Iterable[bytes]) -> str:
    """Return the name of the connections of a process that opens secrets with these keys."""
    return f"{application} {_OPENS}{','.join(map(_short, key_ids))}"


def sealing(application: str, key_id: bytes) -> str:
    """Return the name of the connections of a process that seals secrets to this key."""
    return f"{application} {_SEALS}{_short(key_id)}"


def in_the_way(names: Iterable[str], current: bytes) -> InTheWay:
    """Read the names of connections; those of processes that touch no secret say nothing."""
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
