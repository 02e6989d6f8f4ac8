"""The broker's instrument list."""

from collections.abc import Sequence
from typing import Protocol

from domain.instrument import Instrument


class Instruments(Protocol):
    """The broker's instrument list of today."""

    async def find(self, exchange: str, symbol: str) -> Instrument | None:
        """Return one instrument, None where the list has none.

        Raises `BrokerUnavailable` while there is no list, `InstrumentUnreadable` where a line that may be its
        own cannot be read.
        """
        ...

    async def search(self, query: str, limit: int) -> Sequence[Instrument]:
        """Return tradable instruments whose symbol or name matches, best first."""
        ...
