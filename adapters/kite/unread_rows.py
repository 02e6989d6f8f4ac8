"""Logs unreadable rows of the broker's lists: at intervals, by symbol, never their content."""

import logging
from collections.abc import Collection

from adapters.kite.refusal_texts import plain
from domain.ports import Clock

EVERY = 60.0
"""Seconds between two lines about one list: an odd row stays odd, and a list is read every second."""
NAMED = 10
"""Unreadable symbols that one line of the log names."""
LONGEST = 40

log = logging.getLogger(__name__)


class UnreadRows:
    """The unreadable rows of one account's lists; each list is logged at most once in `EVERY`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told_at: dict[str, float] = {}

    def note(self, name: str, symbols: Collection[str | None]) -> None:
        """Log the symbols of unreadable rows of the list `name`; None stands for rows that name none."""
        now = self._clock.monotonic()
        if not symbols or now - self._told_at.get(name, float("-inf")) < EVERY:
            return
        self._told_at[name] = now
        named = sorted(plain(symbol)[:LONGEST] or "?" for symbol in symbols if symbol is not None)
        more = ["…"] if len(named) > NAMED else []
        unnamed = ["a row without a symbol"] if None in symbols else []
        log.warning(
            "%s: rows of the broker could not be read and were left out: %s",
            name,
            ", ".join(named[:NAMED] + more + unnamed),
        )
