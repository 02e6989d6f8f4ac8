"""Notes the ISINs that readings of holdings show, each once a day by one process.

Nothing waits for a note: one that could not be written is written with the next reading.
"""

import logging
from collections.abc import Mapping
from datetime import date

from domain.errors import StoreUnavailable
from domain.held_shares import Share
from domain.ports import Clock, Isins
from domain.session import exchange_time

log = logging.getLogger("account")


class IsinNotes:
    """Writes what it has not written today."""

    def __init__(self, isins: Isins, clock: Clock) -> None:
        self._isins = isins
        self._clock = clock
        self._day: date | None = None
        self._noted: dict[Share, str] = {}

    async def note(self, seen: Mapping[Share, str]) -> None:
        """Note ISINs by exchange and symbol as seen today; never raises."""
        day = exchange_time(self._clock.now()).date()
        if day != self._day:
            self._day, self._noted = day, {}
        new = {share: isin for share, isin in seen.items() if self._noted.get(share) != isin}
        if not new:
            return
        try:
            await self._isins.learn(new, day)
        except StoreUnavailable as away:
            log.info("%d ISINs are noted with a later reading: %s", len(new), away)
        except Exception:  # of any kind: the account was read all the same
            log.exception("the ISINs of an account's holdings could not be noted")
        else:
            self._noted |= new
