"""Decides which instruments this listener watches when several listeners share them.

Each listener renews a lease in Postgres; the living share the instruments by rendezvous hashing. A stop that
two watch is signalled twice, which does no harm; one that none watches is a loss. So in doubt a listener
watches more:

- a newcomer watches its share at once, but the others give nothing up before it says that it is ready;
- what another took over is watched for a few seconds more, and a listener that leaves waits until the others
  have it;
- a listener that cannot renew its lease watches everything.
"""

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import structlog

from domain.errors import StoreUnavailable
from domain.ports import Clock, ListenerState, Membership

BEAT = 0.5
LEASE = 2.0
"""Seconds after which a listener that says nothing counts as gone; with a beat and a question over REST its
instruments are judged by another within four."""
DOUBT = 1.5
"""Seconds without an answer about the leases after which everything is watched."""
LINGER = 3.0
"""Seconds for which what another took over is still watched."""
UNCOVERED = 30.0
"""Seconds after which a newcomer counts as ready although an instrument has no price: no other has one."""
HAND_OVER = 5.0
"""Seconds for which a listener that was told to end waits for the others, at most."""

log = structlog.stdlib.get_logger("shards")


@dataclass(frozen=True)
class View:
    """The listeners that share: `living` are all, oldest first, `ready` those that watch their share."""

    living: tuple[str, ...]
    ready: tuple[str, ...]
    _owners: dict[tuple[str, bool], str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, states: dict[str, ListenerState], most: int | None) -> Self:
        """Take the oldest `most` that do not leave: an id begins with the time of its birth."""
        staying = sorted(one for one, state in states.items() if state is not ListenerState.LEAVING)
        living = tuple(staying[:most])
        return cls(living, tuple(one for one in living if states[one] is not ListenerState.JOINING))

    def watched_by(self, member: str, key: str) -> bool:
        return member in (self._of(key, ready=False), self._of(key, ready=True))

    def owned_by(self, member: str, key: str) -> bool:
        return self._of(key, ready=True) == member

    def _of(self, key: str, *, ready: bool) -> str:
        owner = self._owners.get((key, ready))
        if owner is None:
            members = (self.ready if ready else self.living) or self.living
            owner = max(members, key=lambda one: _weight(one, key), default="")
            self._owners[key, ready] = owner
        return owner


def _weight(member: str, key: str) -> bytes:
    """Rendezvous hashing: the member with the highest weight owns the key, and only its keys move with it."""
    return hashlib.blake2b(f"{member} {key}".encode(), digest_size=8).digest()


class Shards:
    """`covered` tells whether everything watched is judged; `changed` is told when what is watched changed.

    `most`: so many share at most, the oldest; the others stand by. None where there is no such limit.
    """

    def __init__(
        self,
        membership: Membership,
        me: str,
        covered: Callable[[], bool],
        changed: Callable[[], Awaitable[None]],
        clock: Clock,
        most: int | None = None,
    ) -> None:
        self._membership = membership
        self._me = me
        self._covered = covered
        self._changed = changed
        self._clock = clock
        self._most = most
        self._state = ListenerState.JOINING
        self._joined_at = clock.monotonic()
        self._answered_at: float | None = None
        self._view: View | None = None
        self._lingering: list[tuple[float, View]] = []
        self._certain = False
        self._others: dict[str, ListenerState] = {}

    @property
    def living(self) -> tuple[str, ...]:
        """Return those that share the instruments, as far as known: this listener alone, at least."""
        return self._view.living if self._view is not None else (self._me,)

    @property
    def place(self) -> int | None:
        """Return this listener's place among those that share, by age; None while it stands by."""
        return self.living.index(self._me) if self._view and self._me in self.living else None

    def watches(self, key: str) -> bool:
        """Tell whether this listener watches what is shared under `key`."""
        if self._view is None or not self._certain:
            return True
        views = [self._view, *(view for _, view in self._lingering)]
        return any(view.watched_by(self._me, key) for view in views)

    def owns(self, key: str) -> bool:
        """Tell whether this listener writes what only one should write."""
        return self._view is None or not self._certain or self._view.owned_by(self._me, key)

    async def run(self) -> None:
        while True:
            await self.beat()
            await self._clock.sleep(BEAT)

    async def beat(self) -> None:
        """Renew the lease and take in which listeners live."""
        before = self._effective()
        self._stand()
        try:
            states = await self._membership.renew(self._me, self._state, LEASE)
        except StoreUnavailable as error:
            if self._certain and not self._heard_lately():
                log.warning("the other listeners are not known; watching everything", error=str(error))
        else:
            self._answered(dict(states))
        now = self._clock.monotonic()
        self._lingering = [(until, view) for until, view in self._lingering if until > now]
        self._certain = self._heard_lately()
        if self._effective() != before:
            await self._changed()

    async def hand_over(self) -> None:
        """Leave: have the others take over, if there are others, while this listener still watches."""
        self._state = ListenerState.LEAVING
        until = self._clock.monotonic() + HAND_OVER
        await self.beat()
        staying = 0
        # A listener that has just heard of it may still call itself ready: twice in a row.
        while self._clock.monotonic() < until and staying < 2 and not self._none_stays():
            await self._clock.sleep(BEAT)
            await self.beat()
            staying = staying + 1 if self._others_are_ready() else 0
        with suppress(StoreUnavailable):  # the lease ends by itself
            await self._membership.leave(self._me)

    def _none_stays(self) -> bool:
        return all(state is ListenerState.LEAVING for state in self._others.values())

    def _others_are_ready(self) -> bool:
        return all(state in (ListenerState.READY, ListenerState.LEAVING) for state in self._others.values())

    def _stand(self) -> None:
        """Set the state. What is covered is looked at only while another listener waits for it."""
        if self._state is ListenerState.JOINING:
            late = self._clock.monotonic() - self._joined_at > UNCOVERED
            if late or self._covered():
                self._state = ListenerState.READY
        elif self._state is not ListenerState.LEAVING:
            waited_for = ListenerState.LEAVING in self._others.values()
            covered = not waited_for or self._covered()
            self._state = ListenerState.READY if covered else ListenerState.TAKING_OVER

    def _answered(self, states: dict[str, ListenerState]) -> None:
        now = self._clock.monotonic()
        if self._answered_at is not None and now - self._answered_at > LEASE:
            # The others took this listener for gone, and its connections may have been as still as it was.
            self._state, self._joined_at = ListenerState.JOINING, now
        self._answered_at = now
        self._others = {one: state for one, state in states.items() if one != self._me}
        if self._state is ListenerState.LEAVING:
            return
        view = View.of({**states, self._me: self._state}, self._most)
        if view != self._view:
            if self._view is not None:
                self._lingering.append((now + LINGER, self._view))
            log.info("the instruments are shared anew", by=len(view.living), ready=len(view.ready))
            self._view = view

    def _heard_lately(self) -> bool:
        at = self._answered_at
        return at is not None and self._clock.monotonic() - at <= DOUBT

    def _effective(self) -> tuple[object, ...]:
        return self._certain, self._view, tuple(view for _, view in self._lingering)


def sockets(total: int, members: int, place: int) -> int:
    """Return how many of an account's connections one of several listeners may have, by its age."""
    return total // members + (place < total % members)
