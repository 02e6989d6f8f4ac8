"""Reads in the broker's minutes what highs were missed while nothing watched a stop that follows the peak.

A listener that was away does not know how high the price was. Only whole minutes count that began after the
peak was last written, or the first share was filled: what a minute saw before that is not the holder's. So of
a gap at most its first minute, and the one under way, are missed; from then on the listener watches itself.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from domain.market_data import Minutes
from domain.ports import Clock
from domain.watched_strategy import WatchedStrategy

MINUTE = timedelta(minutes=1)
EVERY = 1.0
"""Seconds between two questions: Kite answers three a second for history, to all of an account."""
LOOKS = 5

log = structlog.stdlib.get_logger("watch")


class MissedPeaks:
    """Asks once for each gap. `raised` takes a strategy, as it was known, with the peak that was missed."""

    def __init__(
        self,
        minutes: Minutes,
        token: Callable[[str], int | None],
        raised: Callable[[WatchedStrategy, Decimal], None],
        clock: Clock,
    ) -> None:
        """`token` returns an instrument's number, None while it is not looked up."""
        self._minutes = minutes
        self._token = token
        self._raised = raised
        self._clock = clock
        self._asked: dict[str, dict[WatchedStrategy, datetime]] = {}
        self._tries: Counter[str] = Counter()

    def ask(self, watched: WatchedStrategy, since: datetime | None) -> None:
        """Look up what was missed of a strategy since an instant, where that is a whole minute or more."""
        if since is None or not watched.terms.moves or _next_minute(since) + MINUTE > self._clock.now():
            return
        self._asked.setdefault(watched.instrument, {})[watched] = since

    async def run(self) -> None:
        """Look up until cancelled, one instrument at a time."""
        while True:
            for instrument in list(self._asked):
                if (token := self._token(instrument)) is not None:
                    await self._look_up(instrument, token)
            await self._clock.sleep(EVERY)

    async def _look_up(self, instrument: str, token: int) -> None:
        asked, now = self._asked.pop(instrument), self._clock.now()
        try:
            minutes = await self._minutes(token, _next_minute(min(asked.values())), now)
        except Exception as error:  # the stop that stands is watched all the same
            self._again(instrument, asked, type(error).__name__)
            return
        self._tries.pop(instrument, None)
        for watched, since in asked.items():
            begun = _next_minute(since)
            highs = [one.high for one in minutes if begun <= one.begins <= now - MINUTE]
            if highs:
                self._raised(watched, max(highs))

    def _again(self, instrument: str, asked: dict[WatchedStrategy, datetime], error: str) -> None:
        self._tries[instrument] += 1
        if self._tries[instrument] < LOOKS:
            self._asked[instrument] = asked | self._asked.get(instrument, {})
            return
        del self._tries[instrument]
        log.warning(
            "peaks that were missed could not be looked up; stops follow what was seen",
            instrument=instrument,
            error=error,
        )


def _next_minute(instant: datetime) -> datetime:
    """Return the first beginning of a minute that is not before the instant."""
    whole = instant.replace(second=0, microsecond=0)
    return whole if whole == instant else whole + MINUTE
