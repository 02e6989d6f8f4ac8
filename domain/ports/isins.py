"""The ISINs of shares, as far as brokers' holdings have shown them."""

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from domain.held_shares import Share


class Isins(Protocol):
    """Where ISINs are kept, of all accounts together. Raises `StoreUnavailable`."""

    async def learn(self, seen: Mapping[Share, str], day: date) -> None:
        """Note the ISINs that holdings showed on a day of the exchange; they are valid ones.

        What is known already is noted as seen until then. Another ISIN of a symbol stands beside the old one.
        """
        ...
