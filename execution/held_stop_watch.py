"""Alarms for held stops that no listener watches: rules in `domain.held_stop`.

Each worker looks for itself, and needs nothing for it but Postgres.
"""

import logging
from datetime import timedelta
from uuid import UUID

from domain.held_stop import UNWATCHED_AFTER, unwatched_alarm, why_unwatched
from domain.ports import Alerts, Clock, HeldStops
from execution.look_loop import look_on

LOOK_EVERY = 2.0
_LATE = UNWATCHED_AFTER + timedelta(seconds=1)

log = logging.getLogger("stops")


class HeldStopWatch:
    """Raises one alarm for all stops that have just become unwatched; again after they were watched.

    `ill` says for a process's readiness why stops count as unwatched; None while they do not.
    """

    def __init__(self, stops: HeldStops, alerts: Alerts, clock: Clock) -> None:
        self._stops = stops
        self._alerts = alerts
        self._clock = clock
        self._told: frozenset[UUID] = frozenset()
        self.ill: str | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        await look_on(self.look, self._clock, LOOK_EVERY, log)

    async def look(self) -> None:
        """Alarm for what is newly unwatched. Raises `StoreUnavailable`."""
        late = await self._stops.unwatched(UNWATCHED_AFTER)
        now = self._clock.now()
        # Late by Postgres' clock, whatever this host's says of how long.
        self.ill = why_unwatched(max(now - late[0].watched_at, _LATE)) if late else None
        new = [stop for stop in late if stop.strategy_id not in self._told]
        if mended := self._told - {stop.strategy_id for stop in late}:
            log.info("%d held stops are watched again, or held no more", len(mended))
        self._told = frozenset(stop.strategy_id for stop in late)
        if new:
            await self._alerts.raise_(unwatched_alarm(new))
