"""Turns to ask for prices, over all processes: the broker answers one `/quote` a second for each account.

A process that needs a price takes the account's turn, asks for everything the user's scheduled entries need
soon, and stores the answer; the others use it while it is fresh. A turn that is not given back is free again
after `HELD_FOR`: a process that died with it costs no entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from domain.quote import Quote

BETWEEN = timedelta(seconds=1)
"""From a question's answer to the next question of the account: the broker counts by calendar second."""
LEAVES_WITHIN = timedelta(seconds=0.3)
"""A question that has not left so long after its turn was asked for never leaves: another may have it."""
HELD_FOR = timedelta(seconds=1.5)
"""How long a turn lasts whose holder says nothing: `LEAVES_WITHIN`, `BETWEEN` and the way to the broker."""
SHARED_FOR = timedelta(seconds=1)
"""How old a price may be that another process asked for, counted from its answer's arrival there."""
NEEDED_WITHIN = timedelta(seconds=5)
"""Prices for a scheduled entry are asked for with the others when it is due so soon."""


@dataclass(frozen=True, slots=True)
class Asker:
    """A user's login at the broker. Turns are per account; prices are shared within one login only.

    `account` and `login` are marks: they tell accounts and logins apart, and open nothing.
    """

    user_id: UUID
    account: str
    login: str


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to ask once, now, and the instruments that the user's scheduled entries need soon."""

    asker: Asker
    number: int
    needed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """Another process has the turn, for at most `left` seconds more; its last answer, if that is fresh.

    `age` is the seconds since the answer arrived.
    """

    left: float
    age: float = 0.0
    prices: Mapping[str, Quote] | None = None
