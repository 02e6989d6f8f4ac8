"""Defines a tradable instrument: one row of the broker's instrument list."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Segment(StrEnum):
    """A part of the market with trading hours of its own."""

    CASH = "cash"
    """Shares without derivatives: continuous trading to 15:30."""
    CASH_CAS = "cash_cas"
    """Shares with derivatives: to 15:15 since 2026-08-03 (SEBI: closing auction session)."""
    DERIVATIVES = "derivatives"
    """Futures and options: to 15:40 since 2026-08-03."""
    INDEX = "index"
    """Not tradable; has a price."""


TRADE_TO_TRADE = frozenset({"BE", "BZ", "ST"})
"""NSE's series whose shares are delivered for each trade: what is bought today cannot be sold today.

Kite writes a series other than EQ behind the symbol (`SUZLON-BE`); other symbols hold hyphens of their own
(`BAJAJ-AUTO`).
"""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable symbol. `token` is the feed's number for it today; tokens are reused over days."""

    exchange: str
    symbol: str
    name: str
    token: int
    tick_size: Decimal
    lot_size: int
    segment: Segment

    @property
    def key(self) -> str:
        """The name in the broker's quotes: `NSE:TCS`."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def series(self) -> str | None:
        """NSE's series of a share where the symbol names one of `TRADE_TO_TRADE`, else None."""
        name, hyphen, series = self.symbol.rpartition("-")
        return series if self.exchange == "NSE" and name and hyphen and series in TRADE_TO_TRADE else None

    @property
    def tradable(self) -> bool:
        return self.segment is not Segment.INDEX


def is_option(exchange: str, symbol: str) -> bool:
    """Tell whether a symbol is an option, by the broker's names of contracts: `NIFTY26DEC24000CE`."""
    return exchange in ("NFO", "BFO") and symbol.endswith(("CE", "PE"))
