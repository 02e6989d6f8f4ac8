"""Raises alarms for stops without a price: REST has none, and the feed is silent or cannot be judged.

Its prices cannot be judged where the circuit limits of the day are not known, which REST alone states.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

import structlog

from domain.ports import Alerts, Clock
from domain.quote import FRESH
from domain.run import Alarm
from domain.timeline import moment_text
from domain.watched_strategy import WatchedStrategy

ALERT_AFTER = timedelta(seconds=10)
"""A price from REST may act for 5 s; twice that without a new one, and the stop is not watched."""
PROVEN_AFTER = FRESH + timedelta(seconds=2)
"""A silent feed that reconnects counts as alive for 5 s, again and again, without ever bringing a price."""
NAMED = 10
"""Instruments that one alarm names."""

log = structlog.stdlib.get_logger("prices")


class UnwatchedStops:
    """Raises one alarm for each instrument and outage, together with those that are due at the same look."""

    def __init__(self, alerts: Alerts, clock: Clock) -> None:
        self._alerts = alerts
        self._clock = clock
        self._since: dict[str, datetime] = {}
        self._lost_at: dict[str, datetime] = {}
        self._told: set[str] = set()

    def lost(self, instruments: Iterable[str]) -> None:
        """Note that the connection of these is gone, though another may be open a moment later."""
        self._lost_at.update(dict.fromkeys(instruments, self._clock.now()))

    def lately_lost(self, instrument: str) -> bool:
        """Tell whether the connection has not lasted long enough to prove that it brings prices."""
        lost_at = self._lost_at.get(instrument)
        if lost_at is None:
            return False
        if self._clock.now() - lost_at < PROVEN_AFTER:
            return True
        del self._lost_at[instrument]
        return False

    def look(self, asked: Mapping[str, datetime | None]) -> list[str]:
        """Return the instruments that have just been without a price for too long.

        `asked` are those with armed stops for which the feed brings no price that may act, with the time of
        their last price. An instrument that is asked for no more, or has a new price, has mended.
        """
        now = self._clock.now()
        self._since = {name: self._had(name, seen_at, now) for name, seen_at in asked.items()}
        late = {name for name, since in self._since.items() if now - since >= ALERT_AFTER}
        if mended := self._told - late:
            log.info("stops are watched again", instruments=sorted(mended)[:NAMED])
        due = late - self._told
        self._told = late
        return sorted(due)

    def _had(self, name: str, seen_at: datetime | None, now: datetime) -> datetime:
        since = self._since.get(name, now)  # until this look the feed brought its prices
        return since if seen_at is None else max(since, seen_at)

    async def alert(
        self,
        due: Collection[str],
        silent: Collection[str],
        failure: str | None,
        held: Collection[WatchedStrategy],
    ) -> None:
        """Tell of the instruments that `look` returned; `silent` are those that the feed does not carry.

        Of the others the circuit limits are not known. `failure` says why asking fails, None if it works.
        """
        since = min(self._since[name] for name in due)
        await self._alerts.raise_(_alarm(sorted(due), since, _why(due, silent, failure), held))


def _why(due: Collection[str], silent: Collection[str], failure: str | None) -> str:
    asking = f"asking fails ({failure})" if failure else "the broker's answers hold no readable price of it"
    if not silent:
        return (
            "the price feed delivers, but no circuit limits are known by which its prices could be believed, "
            f"and over REST, which states them, {asking}"
        )
    feed = (
        "is silent" if len(silent) == len(due) else "is silent, or no circuit limits are known to judge it by"
    )
    return f"the price feed {feed}, and over REST {asking}"


def _alarm(due: list[str], since: datetime, why: str, held: Collection[WatchedStrategy]) -> Alarm:
    names = ", ".join(due[:NAMED]) + (f" and {len(due) - NAMED} more" if len(due) > NAMED else "")
    users = {watched.user_id for watched in held}
    one = held and len({watched.strategy_id for watched in held}) == 1
    return Alarm(
        "stop_unwatched",
        f"There has been no price of {names} that counts since {moment_text(since)}: {why}. "
        f"{len(held)} STOP(S) ARE NOT WATCHED. Look at the price at the broker, and sell there, or by STOP "
        "here, what is at its stop. Prices are asked for every second; with the first that comes the stops "
        "are watched again.",
        users.pop() if len(users) == 1 else None,
        next(iter(held)).strategy_id if one else None,
        {"instruments": names, "since": since.isoformat(), "positions": str(len(held))},
    )
