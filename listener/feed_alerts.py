"""Alerts the operator when a feed is down while shares are held."""

from datetime import datetime, timedelta

import structlog

from domain.ports import Alerts, Clock
from domain.run import Alarm
from domain.watched_strategy import WatchedStrategy

ALERT_AFTER = timedelta(seconds=3)
"""A silent feed is noticed after 5 s; a person hears of it before 10 s have passed."""

log = structlog.stdlib.get_logger("prices")


class Outage:
    """Raises one alarm per outage, once it has lasted and shares are held."""

    def __init__(self, alerts: Alerts, clock: Clock) -> None:
        self._alerts = alerts
        self._clock = clock
        self._since: datetime | None = None
        self._alerted = False

    async def look(self, reason: str | None, asking_fails: bool, held: list[WatchedStrategy]) -> None:
        """Note how things are now. `reason` says why the feed is down, None while it is not."""
        if reason is None:
            if self._alerted:
                log.info("prices come again")
            self._since, self._alerted = None, False
            return
        self._since = self._since or self._clock.now()
        if held and not self._alerted and self._clock.now() - self._since >= ALERT_AFTER:
            self._alerted = True
            await self._alerts.raise_(_alarm(reason, asking_fails, held, self._since))


def _alarm(reason: str, asking_fails: bool, held: list[WatchedStrategy], since: datetime) -> Alarm:
    judging = (
        "Asking for prices fails too: STOPS ARE NOT WATCHED. Look at the positions yourself."
        if asking_fails
        else "Until it is back prices are asked for every second, and stops are judged by them."
    )
    users = {watched.user_id for watched in held}
    return Alarm(
        "feed_lost",
        f"{reason[:1].upper()}{reason[1:]}. {len(held)} position(s) are to be watched. {judging}",
        # The operator's account serves all users: its feed is no single user's.
        users.pop() if len(users) == 1 else None,
        data={"since": since.isoformat(), "positions": str(len(held))},
    )
